package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns a value without what surrounds it by accident: a byte order mark, blanks,
// line breaks, characters that do not show, and one pair of quotes.
func clean(text string) string {
	text = strings.TrimFunc(text, invisible)
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] && strings.Count(text, text[:1]) == 2 {
		text = strings.TrimFunc(text[1:n-1], invisible)
	}
	return text
}

// invisible reports whether a character does not show: a blank, or one that only formats.
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// checkText returns an error that says what is wanted where a value holds what no variable
// takes: bytes that are not UTF-8, and characters that do not show and are no blanks.
func checkText(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("text in UTF-8")
	}
	for _, r := range text {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return fmt.Errorf("a value without the character %U", r)
		}
	}
	return nil
}

// maxValueFile is the size of the largest file that holds a value, in bytes.
const maxValueFile = 1 << 20

// readValue returns the value that a file holds. The error says what is wrong with the
// file, to follow its name.
func readValue(path string) (string, error) {
	content, err := ReadFile(path)
	if err != nil {
		return "", err
	}
	text := clean(string(content))
	if text == "" {
		return "", errors.New("which is empty")
	}
	return text, nil
}

// ReadFile returns the content of a text file, without a byte order mark. The error says
// what is wrong with the file, without its name.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("which is a directory")
	}
	content, err := io.ReadAll(io.LimitReader(f, maxValueFile+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(content) > maxValueFile:
		return nil, fmt.Errorf("which holds more than %d bytes", maxValueFile)
	case !utf8.Valid(content):
		return nil, errors.New("which holds no text in UTF-8")
	}
	return bytes.TrimPrefix(content, []byte("\ufeff")), nil
}

var errMissing = errors.New("which does not exist")

// unreadable says why a file cannot be read.
func unreadable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case errors.Is(err, fs.ErrPermission):
		return errors.New("which this user may not read")
	}
	return errors.New("which cannot be read")
}

// absolute returns a path that stays the same when the working directory changes.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
