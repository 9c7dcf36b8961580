package temporalserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// prepareFile makes the database with its tables and the namespace, unless it is
// there. A mark beside it says that it was finished: a process killed half-way
// leaves tables without the rest, and then it is made anew.
func prepareFile(file string) error {
	mark := file + ".ready"
	if _, err := os.Stat(mark); err == nil {
		_, err := os.Stat(file)
		if err == nil {
			return nil
		}
		return fmt.Errorf("%s is gone though %s is there; remove both to start afresh: %w", file, mark, err)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, leftover := range []string{file, file + "-wal", file + "-shm", file + "-journal"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := sqlite.SetupSchema(sqliteConfig(file)); err != nil {
		return fmt.Errorf("make the database %s: %w", file, err)
	}
	if err := createNamespace(file); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

func createNamespace(file string) error {
	namespace, err := sqlite.NewNamespaceConfig(clusterName, Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(Retention)
	if err := sqlite.CreateNamespaces(sqliteConfig(file), namespace); err != nil {
		return fmt.Errorf("create namespace %s: %w", Namespace, err)
	}
	return nil
}
