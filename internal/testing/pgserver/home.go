package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/lazi/lazisync/internal/testing/durable"
)

// home is the folder with everything of one PostgreSQL.
type home struct {
	dir string
	who account
}

func (h home) data() string     { return filepath.Join(h.dir, "data") }
func (h home) password() string { return filepath.Join(h.dir, "password") }
func (h home) log() string      { return filepath.Join(h.dir, "postgres.log") }
func (h home) lock() string     { return filepath.Join(h.dir, "lock") }

// locationFile, in the requested folder, names the folder that is used instead.
const locationFile = "location"

// openHome returns the folder to use for dir: dir itself, or a folder elsewhere that the location
// file names, if the account that runs PostgreSQL cannot access dir.
func openHome(ctx context.Context, dir string) (home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return home{}, err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return home{}, fmt.Errorf("make the PostgreSQL folder: %w", err)
	}
	place, err := placeOf(dir)
	if err != nil {
		return home{}, err
	}
	who, err := chooseAccount(ownerOf(home{dir: place}.data()))
	if err != nil {
		return home{}, err
	}
	h := home{dir: place, who: who}
	if who.isCurrentUser() {
		return h, os.Chmod(h.dir, 0o700)
	}
	if place == dir {
		if err := os.Chmod(dir, 0o711); err != nil {
			return home{}, err
		}
		if who.canReach(ctx, dir) {
			return h, nil
		}
		if h.dir, err = elsewhere(ctx, dir, who); err != nil {
			return home{}, err
		}
	}
	return h, nil
}

// placeOf returns the folder that the location file names, or dir without such a file.
func placeOf(dir string) (string, error) {
	recorded, err := os.ReadFile(filepath.Join(dir, locationFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dir, nil
	case err != nil:
		return "", err
	}
	place := strings.TrimSpace(string(recorded))
	if err := checkOwned(place); errors.Is(err, fs.ErrNotExist) {
		return dir, nil // temporary folders may be removed; then a new cluster is created
	} else if err != nil {
		return "", err
	}
	return place, nil
}

// elsewhere creates and records the folder with the data of dir. Its name does not follow from the
// path: containers that share a temporary folder may each have a dir of that path.
func elsewhere(ctx context.Context, dir string, who account) (string, error) {
	for _, parent := range []string{os.TempDir(), "/var/tmp", "/tmp"} {
		if !who.canReach(ctx, parent) {
			continue
		}
		place, err := os.MkdirTemp(parent, "lazisync-postgres-")
		if err != nil {
			return "", fmt.Errorf("make the PostgreSQL folder: %w", err)
		}
		if err := os.Chmod(place, 0o711); err != nil {
			return "", err
		}
		return place, durable.WriteFile(filepath.Join(dir, locationFile), []byte(place+"\n"), 0o644)
	}
	return "", fmt.Errorf("PostgreSQL runs as %s, who can reach neither %s nor a temporary folder; set TMPDIR to one that is open to all", who.name, dir)
}

// checkOwned returns an error for a folder of another user: all users can write to temporary
// directories.
func checkOwned(place string) error {
	info, err := os.Lstat(place)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != os.Geteuid() {
		return fmt.Errorf("%s is in the way: want a folder that belongs to user id %d, got %s of user id %d; remove it",
			place, os.Geteuid(), info.Mode().Type(), owner)
	}
	return nil
}

// ownerOf returns the user id that owns a path, or -1.
func ownerOf(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// acquire locks the folder for this process. The kernel releases the lock when the process ends for
// any reason, so the holder of the lock may stop processes that were left behind.
func (h home) acquire() (*flock.Flock, error) {
	lock := flock.New(h.lock())
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the PostgreSQL folder: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("%s is in use by another process", h.dir)
	}
	return lock, nil
}

// Remove deletes the PostgreSQL of dir, in whatever folder its data is. It stops a server that a
// dead process left behind, and returns an error while one is in use.
func Remove(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	h, err := openHome(ctx, dir)
	if err != nil {
		return err
	}
	lock, err := h.acquire()
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := stopOrphan(ctx, h.data()); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(h.dir), os.RemoveAll(dir))
}
