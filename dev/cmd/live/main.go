// Command live reads one page of every feed and list from ServiceTitan's integration
// environment and reports differences from the catalogue. It only reads. Arguments select
// entities; the default is all.
//
// Exit codes: 0 without differences (a missing scope is not one), 1 with differences, 2 if a
// setting is missing.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/dev/live"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/connect"
	"github.com/lazi/lazisync/internal/entity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the command and returns the exit code.
func run(ctx context.Context, args []string, environ []string, stdout, stderr io.Writer) int {
	entities, err := findEntities(args)
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 2
	}
	cfg, err := load(environ)
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 2
	}
	count, bad := map[live.Status]int{}, false
	client := connect.ServiceTitan(cfg, nil, 0, nil, nil, zerolog.Nop())
	err = live.Check(ctx, client, cfg.Tenants[0].ID, entities, func(f live.Finding) {
		count[f.Status]++
		bad = bad || f.Bad()
		fmt.Fprintf(stdout, "%-40s %-6s %-13s %s\n", f.Entity, f.On, f.Status, detail(f))
	})
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 1
	}
	fmt.Fprintf(stdout, "\n%d entities:", len(entities))
	for _, v := range []live.Status{live.Reachable, live.MissingScope, live.Gone, live.WrongShape, live.Failed} {
		if count[v] > 0 {
			fmt.Fprintf(stdout, " %d × %s", count[v], v)
		}
	}
	fmt.Fprintln(stdout)
	if bad {
		return 1
	}
	return 0
}

// load reads the configuration of one tenant. The default rate is far below ServiceTitan's limit,
// because other programs share it.
func load(environ []string) (*config.Config, error) {
	cfg, err := config.Load(append([]string{"SERVICETITAN_REQUESTS_PER_SECOND=10"}, environ...), config.Options{Required: []string{
		"SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY",
	}})
	if err == nil && cfg.ServiceTitan.Environment != config.Integration && cfg.ServiceTitan.APIURL == "" {
		err = fmt.Errorf("SERVICETITAN_ENVIRONMENT: got %q, want integration; only SERVICETITAN_API_URL can select another environment", cfg.ServiceTitan.Environment)
	}
	return cfg, err
}

func detail(f live.Finding) string {
	notes := strings.Join(f.Notes, "; ")
	if f.Status == live.Reachable {
		return strings.TrimSuffix(fmt.Sprintf("%d records; %s", f.Records, notes), "; ")
	}
	return notes
}

// findEntities returns the entities with these names, or all if there are none.
func findEntities(names []string) (found []entity.Entity, err error) {
	for _, name := range names {
		e, ok := entity.Find(name)
		if !ok {
			hint := ""
			if near, ok := events.Nearest(name, entity.Names()); ok {
				hint = "; did you mean " + near + "?"
			}
			return nil, fmt.Errorf("entity %q is not in the catalogue%s", name, hint)
		}
		found = append(found, e)
	}
	if len(found) == 0 {
		return entity.Catalogue, nil
	}
	return found, nil
}
