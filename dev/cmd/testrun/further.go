package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// further are the tests of the development module that "make test" omits or shortens.
type further struct {
	tests    []string
	packages []string // folders below the root, with a slash in front
}

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
	omitted      = regexp.MustCompile(longTests)
	// partial matches files whose tests all are further ones: "make test" does not compile them, or
	// they shorten themselves.
	partial = regexp.MustCompile(`(?m)^//go:build |\btesting\.Short\(\)`)
	// elsewhere matches files whose tests run in "make fault" only.
	elsewhere = regexp.MustCompile(`(?m)^//go:build .*\bfault\b`)
)

// furtherTests reads the test files.
func (r *runner) furtherTests() (further, error) {
	var found further
	dev := filepath.Join(r.root, "dev")
	err := filepath.WalkDir(dev, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || elsewhere.Match(text) {
			return err
		}
		folder, err := filepath.Rel(r.root, filepath.Dir(path))
		if err != nil {
			return err
		}
		folder = "/" + filepath.ToSlash(folder)
		whole := folder == faultPackage || partial.Match(text)
		for _, match := range testFunction.FindAllStringSubmatch(string(text), -1) {
			if !whole && !omitted.MatchString(match[1]) {
				continue
			}
			found.tests = append(found.tests, match[1])
			if !slices.Contains(found.packages, folder) {
				found.packages = append(found.packages, folder)
			}
		}
		return nil
	})
	if err != nil {
		return further{}, fmt.Errorf("tests that make test lacks: %w", err)
	}
	return found, nil
}

// step runs the further tests. The packages are those of the module.
func (f further) step(base, packages []string) step {
	chosen, _ := split(packages, f.packages)
	only := "-run=^(" + strings.Join(f.tests, "|") + ")$"
	return step{
		title: "Development module, longer tests and those with further requirements:", module: "dev",
		args: slices.Concat(devArgs, base, []string{only, furtherPackagesAtOnce}, longestFirst(chosen)),
	}
}
