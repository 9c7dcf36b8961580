package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// defaultFuzzInputs is the number of inputs of each fuzz test in "make fuzz"; otherwise only the stored
// inputs are tried. A limit by time sometimes fails with "context deadline exceeded"
// (https://go.dev/issue/75804, fixed in Go 1.27).
const defaultFuzzInputs = 100_000

// fuzzSteps returns one step for each fuzz test of the root module.
func (r *runner) fuzzSteps(ctx context.Context, inputs int) (steps []step, err error) {
	out, err := r.list(ctx, ".", "-f", `{{.ImportPath}} {{.Dir}} {{join .TestGoFiles ","}},{{join .XTestGoFiles ","}}`, "./...")
	if err != nil {
		return nil, err
	}
	fuzz := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		for _, name := range strings.FieldsFunc(fields[2], func(c rune) bool { return c == ',' }) {
			text, err := os.ReadFile(filepath.Join(fields[1], name))
			if err != nil {
				return nil, err
			}
			for _, match := range fuzz.FindAllSubmatch(text, -1) {
				test := string(match[1])
				steps = append(steps, step{
					title:  fmt.Sprintf("%s of %s with %d inputs:", test, strings.TrimPrefix(fields[0], "github.com/lazi/"), inputs),
					module: ".",
					args:   []string{"-run=^$", "-fuzz=^" + test + "$", fmt.Sprintf("-fuzztime=%dx", inputs), fields[0]},
				})
			}
		}
	}
	return steps, nil
}
