package temporalserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lazi/lazisync/internal/testing/durable"
)

// prepareFile creates the database with its tables and the namespace, unless it exists. A second
// file marks it as complete. Without that file, the process was killed during the creation or the power
// failed, and prepareFile creates the database again.
func prepareFile(o Options) error {
	file := o.File
	complete := file + ".ready"
	if _, err := os.Stat(complete); err == nil {
		_, err := os.Stat(file)
		if err == nil {
			return nil
		}
		return fmt.Errorf("%s is missing although %s exists; remove both to create a new database: %w", file, complete, err)
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
	if err := sqlite.SetupSchema(sqliteConfig(o)); err != nil {
		return fmt.Errorf("create the database %s: %w", file, err)
	}
	if err := createNamespace(o); err != nil {
		return err
	}
	return durable.WriteFile(complete, nil, 0o600)
}

func createNamespace(o Options) error {
	namespace, err := sqlite.NewNamespaceConfig(clusterName, Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(Retention)
	if err := sqlite.CreateNamespaces(sqliteConfig(o), namespace); err != nil {
		return fmt.Errorf("create namespace %s: %w", Namespace, err)
	}
	return nil
}
