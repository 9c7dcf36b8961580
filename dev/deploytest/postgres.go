package deploytest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// SetUpPostgres makes the databases and users of the deployment in a new server, with the
// script below root that its container runs, and the environment of that service.
func (c *Compose) SetUpPostgres(ctx context.Context, root string, server *pgserver.Server) error {
	binaries, err := pgserver.FindBinaries()
	if err != nil {
		return err
	}
	superuser, err := url.Parse(server.URL("postgres"))
	if err != nil {
		return fmt.Errorf("the server's URL: %w", err)
	}
	environ, err := c.Environ("postgres")
	if err != nil {
		return err
	}
	password, _ := superuser.User.Password()
	environ = append(append(os.Environ(), environ...),
		"PATH="+binaries.Dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"POSTGRES_USER="+superuser.User.Username(), "PGPASSWORD="+password, "PGHOST="+superuser.Hostname(), "PGPORT="+superuser.Port())
	for _, args := range [][]string{
		{"psql", "--quiet", "--command=drop database lazisync", superuser.String()}, // the script makes one of its own
		{"sh", filepath.Join(root, "deploy", "postgres", "databases.sh")},
	} {
		path := args[0]
		if path == "psql" {
			path = filepath.Join(binaries.Dir, path)
		}
		command := exec.CommandContext(ctx, path, args[1:]...)
		command.Env = environ
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}
