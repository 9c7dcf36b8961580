package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// passed says which sources passed "make test", and when. "make test-all" right after it does not
// repeat the tests of the development module, which take minutes: continuous integration runs both.
type passed struct {
	Sources string    `json:"sources"`
	At      time.Time `json:"at"`
}

// passedFile lies in the root and is not tracked.
const passedFile = "bin/make-test-passed.json"

// passedFor is how long the result counts, since servers and programs outside the sources change, too.
const passedFor = time.Hour

// unread are folders without sources of tests.
var unread = []string{".git", ".lazisync", "bin", "dist", "node_modules"}

// sources returns a hash of the names and contents of all source files below a folder.
func sources(root string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(unread, entry.Name()):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%s\n%x\n", path[len(root):], sha256.Sum256(text))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash of the sources: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (p passed) write(root string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	file := filepath.Join(root, passedFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// hasPassed reports whether the sources below root passed "make test" within the last hour, and
// says so.
func hasPassed(root string, now time.Time, out io.Writer) (bool, error) {
	text, err := os.ReadFile(filepath.Join(root, passedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var last passed
	if err := json.Unmarshal(text, &last); err != nil {
		return false, fmt.Errorf("%s: %w: remove the file", passedFile, err)
	}
	if age := now.Sub(last.At); age < 0 || age >= passedFor {
		return false, nil
	}
	current, err := sources(root)
	if err != nil || current != last.Sources {
		return false, err
	}
	fmt.Fprintf(out, "These sources passed \"make test\" at %s: its tests of the development module are not repeated.\n"+
		"To repeat them, remove %s.\n", last.At.Local().Format(time.TimeOnly), passedFile)
	return true, nil
}
