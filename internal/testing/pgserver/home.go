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
)

// home is the folder that holds everything of one PostgreSQL.
type home struct {
	dir string
	who account
}

func (h home) data() string     { return filepath.Join(h.dir, "data") }
func (h home) password() string { return filepath.Join(h.dir, "password") }
func (h home) log() string      { return filepath.Join(h.dir, "postgres.log") }
func (h home) lock() string     { return filepath.Join(h.dir, "lock") }

// locationFile, in the folder asked for, names the folder used instead.
const locationFile = "location"

// openHome returns the folder to use for dir: dir itself, or where the account
// that runs PostgreSQL cannot reach it, a folder elsewhere that it names.
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

// placeOf follows the location file if there is one.
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

// elsewhere makes and records the folder that holds the data of dir. Its name does not follow from
// the path: containers that share a temporary folder may each have a dir of that path.
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
		return place, os.WriteFile(filepath.Join(dir, locationFile), []byte(place+"\n"), 0o644)
	}
	return "", fmt.Errorf("PostgreSQL runs as %s, who can reach neither %s nor a temporary folder; set TMPDIR to one that is open to all", who.name, dir)
}

// checkOwned returns an error for a folder of another user: temporary
// directories are open to all.
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

// ownerOf returns the user id a path belongs to, or -1.
func ownerOf(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// acquire locks the folder for this process. The kernel lets go of the lock when
// the process ends, however it ends, so its holder may stop processes that are left.
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

// Remove deletes the PostgreSQL kept under dir, wherever its data lies. It stops
// one left behind by a process that died, and refuses while one is in use.
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
