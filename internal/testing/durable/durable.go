package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile writes a file like os.WriteFile, and flushes it and its name to the disk. After a crash or a power
// failure during the call, the path has the old content or the new one; path+".new" may be left. Calls for
// the same path must not be concurrent. Errors name the path.
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

// SyncDir flushes the names in a folder to the disk: new files, renames and removals.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
