package contracts

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/lazi/lazisync/events"
)

// File is a file that is made here.
type File struct {
	Path string // below the root of the repository
	Text []byte
}

// Files makes all of them. root is where the repository lies.
func Files(root string) ([]File, error) {
	async, err := AsyncAPI(func(d *events.Definition) ([]byte, error) {
		return os.ReadFile(filepath.Join(root, "schemas", "testdata", strings.TrimSuffix(d.Schema, ".json")+".txtar"))
	})
	if err != nil {
		return nil, err
	}
	return []File{{".env.example", []byte(EnvExample())}, {"schemas/asyncapi.json", async}}, nil
}
