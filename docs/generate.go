//go:build ignore

// Writes the documents that are generated from the code: go generate ./docs
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lazi/lazisync/docs"
)

func main() {
	for name, content := range docs.Generated() {
		if err := os.WriteFile(filepath.Join("..", name), []byte(content), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "generate:", err)
			os.Exit(1)
		}
	}
}
