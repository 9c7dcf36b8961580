// Command live reads one page of every feed and list of ServiceTitan's integration
// environment and says where the catalogue and the API do not agree. It only reads.
// Arguments are the entities to look at; without any it looks at all.
//
// It exits with 0 where they agree (a scope that the app was not granted is no
// disagreement), 1 where they do not, and 2 where it is not told whom to ask.
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

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, lookup func(string) string, stdout, stderr io.Writer) int {
	entities, err := named(args)
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 2
	}
	settings, err := live.Load(lookup)
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 2
	}
	count, bad := map[live.Verdict]int{}, false
	err = live.Check(ctx, settings, entities, func(f live.Finding) {
		count[f.Verdict]++
		bad = bad || f.Bad()
		fmt.Fprintf(stdout, "%-40s %-6s %-13s %s\n", f.Entity, f.On, f.Verdict, detail(f))
	})
	if err != nil {
		fmt.Fprintln(stderr, "live:", err)
		return 1
	}
	fmt.Fprintf(stdout, "\n%d entities:", len(entities))
	for _, v := range []live.Verdict{live.Reachable, live.MissingScope, live.Gone, live.WrongShape, live.Failed} {
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
	if f.Verdict == live.Reachable {
		return strings.TrimSuffix(fmt.Sprintf("%d records; %s", f.Records, notes), "; ")
	}
	return notes
}

// named are the entities of that name, all without any.
func named(names []string) (found []entity.Entity, err error) {
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
