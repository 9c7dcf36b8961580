package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile is os.WriteFile, but the file is on the disk when it returns, and after a crash or a
// power failure during the call the path has the old content or the new one.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	partial := path + ".new"
	if err := write(partial, data, mode); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

func write(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes the names in a folder durable: new files, renames and removals.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
