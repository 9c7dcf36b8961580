package process

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Build builds lazisync from the production module in the folder root. tags may be empty;
// flags are additional flags of go build.
func Build(root, path, tags string, flags ...string) error {
	args := slices.Concat([]string{"build", "-tags=" + tags, "-o", path}, flags, []string{"./cmd/lazisync"})
	build := exec.Command("go", args...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build lazisync: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Addresses are the URLs on which a role listens, "" if it does not.
type Addresses struct{ Admin, Gateway string }

// AwaitListening waits until a role logs its addresses.
func (p *Process) AwaitListening(timeout time.Duration) (a Addresses, err error) {
	var line struct{ Message, Admin, Gateway string }
	err = p.Await(timeout, func(log *Log) bool {
		for _, text := range log.Lines() {
			if json.Unmarshal([]byte(text), &line) == nil && line.Message == "started" {
				return true
			}
		}
		return false
	})
	if line.Admin != "" {
		a.Admin = "http://" + line.Admin
	}
	if line.Gateway != "" {
		a.Gateway = "http://" + line.Gateway
	}
	return a, err
}

// Answers reports whether a URL answers with 200, for example /readyz of a role.
func Answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
