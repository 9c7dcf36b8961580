package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockFile  = "lock"
	stateFile = "state.json"
)

// State describes the running stack. It is stored in state.json.
type State struct {
	Pid       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
	Links     []Link    `json:"links"`
}

// Link is one address of the stack.
type Link struct {
	Name string `json:"name"` // "Temporal UI"
	URL  string `json:"url"`
}

// InUseError reports that another process has locked the folder.
type InUseError struct {
	Path  string
	State State // zero while the other process starts
}

func (e *InUseError) Error() string {
	if e.State.Pid == 0 {
		return e.Path + " is in use by another process that is starting"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is in use by pid %d, running since %s", e.Path, e.State.Pid, e.State.StartedAt.Local().Format(time.DateTime))
	for _, link := range e.State.Links {
		fmt.Fprintf(&b, "\n  %s: %s", link.Name, link.URL)
	}
	return b.String()
}

// Dir is a folder that this process has locked.
type Dir struct {
	path    string
	lock    *flock.Flock
	started time.Time
}

// Open creates the folder if it does not exist, and locks it. If another process has locked
// it, the error is an *InUseError.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Other users may traverse the folder, because PostgreSQL may run as another user. They
	// cannot list it, and cannot read the files in it.
	if err := os.MkdirAll(path, 0o711); err != nil {
		return nil, fmt.Errorf("create the data folder: %w", err)
	}
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock, started: time.Now()}
	// Remove the state of an earlier process.
	if err := d.removeState(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// acquire locks the folder. The kernel releases the lock when the process ends.
func acquire(path string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(path, lockFile))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if locked {
		return lock, nil
	}
	state, err := readState(path)
	if err != nil {
		return nil, err
	}
	return nil, &InUseError{Path: path, State: state}
}

// Running returns the state of the process that has locked the folder, or false if there is none.
func Running(path string) (State, bool, error) {
	if _, err := os.Stat(filepath.Join(path, lockFile)); errors.Is(err, fs.ErrNotExist) {
		return State{}, false, nil
	}
	lock, err := acquire(path)
	var inUse *InUseError
	switch {
	case errors.As(err, &inUse):
		return inUse.State, true, nil
	case err != nil:
		return State{}, false, err
	}
	return State{}, false, lock.Close()
}

// Path returns the path of something inside the folder.
func (d *Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// Announce writes state.json with the pid of this process and the links. It masks passwords,
// because error messages show the file.
func (d *Dir) Announce(links []Link) error {
	state := State{Pid: os.Getpid(), StartedAt: d.started, Links: make([]Link, 0, len(links))}
	for _, link := range links {
		state.Links = append(state.Links, Link{Name: link.Name, URL: redact(link.URL)})
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	// Renamed into place, so that a reader sees the complete file or none.
	partial := d.Path(stateFile + ".new")
	if err := os.WriteFile(partial, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the state of this process: %w", err)
	}
	return os.Rename(partial, d.Path(stateFile))
}

// Clear deletes everything in the folder except the lock.
func (d *Dir) Clear() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("clear the data folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(d.Path(entry.Name())); err != nil {
			return fmt.Errorf("clear the data folder: %w", err)
		}
	}
	return nil
}

// Close removes state.json and unlocks the folder.
func (d *Dir) Close() error {
	return errors.Join(d.removeState(), d.lock.Close())
}

func (d *Dir) removeState() error {
	if err := os.Remove(d.Path(stateFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state of an earlier process: %w", err)
	}
	return nil
}

func readState(path string) (State, error) {
	text, err := os.ReadFile(filepath.Join(path, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("read the state of the process in %s: %w", path, err)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		return State{}, fmt.Errorf("read %s: %w", filepath.Join(path, stateFile), err)
	}
	return state, nil
}

func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}
