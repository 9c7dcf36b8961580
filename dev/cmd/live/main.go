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

	"github.com/lazi/lazisync/dev/live"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the command and returns the exit code.
func run(ctx context.Context, args []string, lookup func(string) string, stdout, stderr io.Writer) int {
	entities, err := findEntities(args)
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 2
	}
	settings, err := live.Load(lookup)
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 2
	}
	count, bad := map[live.Status]int{}, false
	err = live.Check(ctx, settings, entities, func(f live.Finding) {
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
