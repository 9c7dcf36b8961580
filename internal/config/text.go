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

// clean removes a byte order mark, blanks, line breaks, invisible characters and one pair of quotes
// around a value.
func clean(text string) string {
	text = strings.TrimFunc(text, invisible)
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] && strings.Count(text, text[:1]) == 2 {
		text = strings.TrimFunc(text[1:n-1], invisible)
	}
	return text
}

// invisible reports whether a character is a blank or a formatting character.
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// checkText returns an error if a value has characters that no variable allows: bytes that are not
// UTF-8, and invisible characters other than blanks.
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

// maxValueFile is the maximum size of a file with a value, in bytes.
const maxValueFile = 1 << 20

// readValue returns the value in a file. The error does not name the file.
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

// ReadFile returns the content of a text file, without a byte order mark. The error does not name
// the file.
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

// unreadable returns the reason why a file cannot be read.
func unreadable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case errors.Is(err, fs.ErrPermission):
		return errors.New("which this user may not read")
	}
	return errors.New("which cannot be read")
}

// absolute returns an absolute path.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
