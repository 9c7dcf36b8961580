package process

import (
	"fmt"
	"os/exec"
	"strings"
)

// Build builds lazisync from the production module in the folder root, with build tags
// or none.
func Build(root, path, tags string) error {
	build := exec.Command("go", "build", "-tags="+tags, "-o", path, "./cmd/lazisync")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build lazisync: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
