// Command preflight checks the machine before a long build and prints a line for each
// requirement, with what to do if it is not met. dev/preflight.sh, which checks for Go, calls it.
// It imports little, so that it compiles in a moment.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// wantFree is the disk space, in bytes, that a cold build and a demo need.
const wantFree = 2 << 30

func main() {
	must := flag.Bool("postgres", false, "fail where no PostgreSQL is installed")
	flag.Parse()
	if !check(*must) {
		os.Exit(1)
	}
}

func check(mustHavePostgres bool) bool {
	line("Go", strings.TrimPrefix(runtime.Version(), "go"))
	ok := checkPostgres(mustHavePostgres)
	return checkDisk() && ok
}

func line(what, finding string) { fmt.Printf("  %-11s %s\n", what, finding) }

func checkPostgres(must bool) bool {
	bin, err := pgserver.FindBinaries()
	switch {
	case err == nil:
		line("PostgreSQL", fmt.Sprintf("%d in %s", bin.Major, bin.Dir))
		return true
	case errors.Is(err, pgserver.ErrNotFound) && !must:
		line("PostgreSQL", "none installed, will be fetched; or install it (Debian and Ubuntu: apt install postgresql; macOS: brew install postgresql@17)")
		return true
	}
	line("PostgreSQL", err.Error())
	return false
}

// checkDisk looks at the data folder's disk and at that of Go's build cache.
func checkDisk() bool {
	places := map[string]string{".": "move the checkout to a larger disk, or free some"}
	if out, err := exec.Command("go", "env", "GOCACHE").Output(); err == nil {
		places[strings.TrimSpace(string(out))] = "free some (go clean -cache), or set GOCACHE to a folder on a larger disk"
	}
	least := uint64(1 << 63)
	for path, fix := range places {
		free, err := freeBytes(path)
		if err != nil {
			continue // the folder does not exist yet, or its free space is unknown
		}
		if free < wantFree {
			line("disk", fmt.Sprintf("%.1f GB free at %s, want %d GB: %s", gigabytes(free), path, wantFree>>30, fix))
			return false
		}
		least = min(least, free)
	}
	line("disk", fmt.Sprintf("%.0f GB free", gigabytes(least)))
	return true
}

func freeBytes(path string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), nil
}

func gigabytes(n uint64) float64 { return float64(n) / (1 << 30) }
