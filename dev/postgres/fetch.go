package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"github.com/lazi/lazisync/dev/ports"
)

const version = embeddedpostgres.V17

// FetchOptions say where from and where to; the zero value is fine.
type FetchOptions struct {
	// Dir keeps the programs; empty: the user's cache folder, and for root a folder
	// that the account running PostgreSQL can reach.
	Dir string
	// RepositoryURL is a Maven repository; empty: Maven Central.
	RepositoryURL string
}

// Fetch returns the folder of the programs, downloading them unless an earlier call did.
func Fetch(ctx context.Context, o FetchOptions) (string, error) {
	dir, err := cacheDir(o.Dir)
	if err != nil {
		return "", fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	bin := filepath.Join(dir, "bin")
	if complete(bin) {
		return bin, nil
	}
	scratch, err := os.MkdirTemp("", "lazisync-fetch-")
	if err != nil {
		return "", fmt.Errorf("fetch PostgreSQL: %w", err)
	}
	unpacked := make(chan error, 1)
	go func() {
		unpacked <- errors.Join(unpack(dir, scratch, o.RepositoryURL), os.RemoveAll(scratch))
	}()
	// The library cannot be interrupted; when the caller gives up it ends by itself.
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("fetch PostgreSQL: %w", ctx.Err())
	case err = <-unpacked:
	}
	if !complete(bin) {
		return "", fmt.Errorf("fetch PostgreSQL %s: %w", version, err)
	}
	return bin, nil
}

// unpack has the library download and unpack the programs into dir. The library
// knows no such order, only to start a server; it is given a data folder that
// cannot exist, below a file, and so stops with an error once they are unpacked.
func unpack(dir, scratch, repository string) error {
	file := filepath.Join(scratch, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	free, err := ports.Free(1)
	if err != nil {
		return err
	}
	config := embeddedpostgres.DefaultConfig().
		Version(version).
		Port(uint32(free[0])).
		BinariesPath(dir).
		CachePath(scratch).
		RuntimePath(filepath.Join(scratch, "runtime")).
		DataPath(filepath.Join(file, "data")).
		Logger(io.Discard)
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	return embeddedpostgres.NewDatabase(config).Start()
}

// complete reports whether bin holds the two programs that pgserver runs.
func complete(bin string) bool {
	for _, program := range []string{"postgres", "initdb"} {
		info, err := os.Stat(filepath.Join(bin, program))
		if err != nil || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

func cacheDir(asked string) (string, error) {
	dir := asked
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		if os.Geteuid() == 0 {
			base = "/var/tmp" // root's own folders are closed to the account running PostgreSQL
		}
		dir = filepath.Join(base, "lazisync-postgres-"+string(version))
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	// Programs from a folder that somebody else could have filled are not run.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; !info.IsDir() || int(owner) != os.Geteuid() {
		return "", fmt.Errorf("%s is in the way: want a folder that belongs to user id %d; remove it", dir, os.Geteuid())
	}
	return dir, nil
}
