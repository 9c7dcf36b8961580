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

// FetchOptions configure a download. The zero value is valid.
type FetchOptions struct {
	// Dir is the folder of the programs. Default: the user's cache folder; for root, a folder
	// that the account of PostgreSQL can read.
	Dir string
	// RepositoryURL is a Maven repository. Default: Maven Central.
	RepositoryURL string
}

// Fetch returns the folder of the programs. It downloads them unless the folder has them.
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
	// The library cannot be interrupted. If the context ends, the download completes in the background.
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

// unpack downloads the programs and unpacks them into dir. The library can only start a
// server, so unpack configures a data folder that cannot exist, below a file: the library
// stops with an error after unpacking.
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

// complete reports whether bin contains the two programs that pgserver runs.
func complete(bin string) bool {
	for _, program := range []string{"postgres", "initdb"} {
		info, err := os.Stat(filepath.Join(bin, program))
		if err != nil || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

func cacheDir(configured string) (string, error) {
	dir := configured
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		if os.Geteuid() == 0 {
			base = "/var/tmp" // the account of PostgreSQL cannot read root's home
		}
		dir = filepath.Join(base, "lazisync-postgres-"+string(version))
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	// Do not run programs from a folder that another user could have filled.
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; !info.IsDir() || int(owner) != os.Geteuid() {
		return "", fmt.Errorf("%s is not a folder of user id %d: remove it", dir, os.Geteuid())
	}
	return dir, nil
}
