package powerloss

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mountOptions make ext4 write no more than what programs ask for.
const mountOptions = "loop,data=writeback,noauto_da_alloc,commit=300"

// defaultPatience is how long Restore and Close wait until nothing uses the disk.
const defaultPatience = 20 * time.Second

// Disk is a file system whose page cache can be lost. It is not safe for concurrent use; programs may use
// its files at any time.
type Disk struct {
	folder   string // has the image and the mount point
	off      bool   // the power is cut
	patience time.Duration
}

// New creates an empty disk of a size in bytes, and mounts it. It occupies only what is written to it. Every user
// may enter its folder, but only root may create files there. Close removes the disk.
func New(bytes int64) (*Disk, error) {
	folder, err := os.MkdirTemp("", "lazisync-powerloss-")
	if err != nil {
		return nil, fmt.Errorf("create a disk: %w", err)
	}
	d := &Disk{folder: folder, patience: defaultPatience}
	if err := d.create(bytes); err != nil {
		return nil, errors.Join(fmt.Errorf("create a disk: %w", err), os.RemoveAll(folder))
	}
	return d, nil
}

func (d *Disk) create(bytes int64) error {
	if err := os.Chmod(d.folder, 0o711); err != nil { // PostgreSQL, which is not root, enters it
		return err
	}
	if err := os.Mkdir(d.Path(), 0o711); err != nil {
		return err
	}
	if err := os.WriteFile(d.image(), nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(d.image(), bytes); err != nil {
		return err
	}
	if err := run(mkfs(), "-q", "-F", d.image()); err != nil {
		return err
	}
	return d.mount()
}

func (d *Disk) image() string { return filepath.Join(d.folder, "image") }

// Path returns the path of a file on the disk, without elements that of its folder.
func (d *Disk) Path(elements ...string) string {
	return filepath.Join(append([]string{d.folder, "disk"}, elements...)...)
}

func (d *Disk) mount() error {
	if err := run("mount", "-t", "ext4", "-o", mountOptions, d.image(), d.Path()); err != nil {
		return err
	}
	return os.Chmod(d.Path(), 0o711)
}

// mkfs returns the program that makes a file system. The PATH of users often lacks its folder.
func mkfs() string {
	const name = "mkfs.ext4"
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

const (
	shutdownRequest   = 0x8004587d // EXT4_IOC_SHUTDOWN
	withoutLogFlushed = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// CutPower discards what is not flushed. Until Restore, programs that use the disk get the error
// EIO: freeze them before and kill them afterwards, so that none reacts to an error that a power
// failure does not cause.
func (d *Disk) CutPower() error {
	folder, err := os.Open(d.Path())
	if err != nil {
		return fmt.Errorf("cut the power: %w", err)
	}
	defer folder.Close()
	if err := unix.IoctlSetPointerInt(int(folder.Fd()), shutdownRequest, withoutLogFlushed); err != nil {
		return fmt.Errorf("cut the power: shutdown of %s: %w", d.Path(), err)
	}
	d.off = true
	return nil
}

// Restore mounts the disk again after CutPower. It fails if a program still has files open on it after 20 s, or
// if another mount namespace still has it: end all such programs before.
func (d *Disk) Restore() error {
	if err := d.unmount(); err != nil {
		return fmt.Errorf("restore the power: %w", err)
	}
	if err := d.mount(); err != nil {
		return fmt.Errorf("restore the power: %w", err)
	}
	d.off = false
	return nil
}

// Close unmounts and deletes the disk, also after CutPower. It fails like Restore.
func (d *Disk) Close() error {
	if !d.off { // so that unmount does not write to a disk that is deleted
		if err := d.CutPower(); err != nil {
			return err
		}
	}
	if err := d.unmount(); err != nil {
		return fmt.Errorf("close the disk: %w", err)
	}
	return os.RemoveAll(d.folder)
}

// unmount waits for killed processes: the kernel closes their files a moment after their end. It also waits for
// mounts of the disk in other namespaces: a container has copies of all mounts until it has its own root. As
// long as there is one, the kernel would mount the same file system again, which refuses to write.
func (d *Disk) unmount() error {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Unmount(d.Path(), 0)
		if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EINVAL) { // EINVAL: it is not mounted here any more
			return err
		}
		if !errors.Is(err, unix.EBUSY) {
			attached, err := d.isAttached()
			if err != nil || !attached {
				return err
			}
		}
		if time.Since(began) > d.patience {
			return fmt.Errorf("a process or another mount namespace uses %s", d.Path())
		}
	}
}

// isAttached reports whether a loop device has the image.
func (d *Disk) isAttached() (bool, error) {
	devices, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return false, err
	}
	for _, device := range devices {
		image, err := os.ReadFile(device)
		if err == nil && strings.TrimSpace(string(image)) == d.image() {
			return true, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.ENODEV) { // detached just now
			return false, err
		}
	}
	return false, nil
}
