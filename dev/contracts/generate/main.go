// Command generate writes the files that package contracts makes. It runs in the folder
// of that package, as go generate does.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lazi/lazisync/dev/contracts"
)

func main() {
	if err := write(filepath.Join("..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	files, err := contracts.Files(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.Path), f.Text, 0o644); err != nil { //nolint:gosec // for everyone to read
			return err
		}
	}
	return nil
}
