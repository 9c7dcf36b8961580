package e2e

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// subcommands returns the commands that the help of a command lists.
func (w *fixture) subcommands(t *testing.T, command ...string) (names []string) {
	t.Helper()
	help := w.run(t, append(slices.Clone(command), "--help")...)
	require.Zero(t, help.code, help.errors)
	_, list, found := strings.Cut(help.out, "Available Commands:\n")
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, m := range regexp.MustCompile(`(?m)^  (\S+) `).FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	return names
}

// leaves returns all commands without subcommands, as arguments.
func (w *fixture) leaves(t *testing.T, command ...string) (all []string) {
	t.Helper()
	names := w.subcommands(t, command...)
	if len(names) == 0 {
		return []string{strings.Join(command, " ")}
	}
	for _, name := range names {
		if name != "completion" && name != "help" {
			all = append(all, w.leaves(t, append(slices.Clone(command), name)...)...)
		}
	}
	return all
}

// Every command that lists or shows something prints JSON, whose names are in docs/commands.md.
func TestEveryListingCommandPrintsJSON(t *testing.T) {
	t.Parallel()
	w := newFixture(t, options{})
	w.migrate(t)
	w.start(t, "serve")
	w.full(t)
	w.publish(t, "sync.requested", `{"mode":"full","entities":["jbos"]}`)
	w.rejected(t, func(d events.RejectedData) bool { return d.DeadLetter.Sequence == 1 })

	arguments := map[string][]string{
		"config": {}, "deadletter ls": {}, "deadletter replay": {"1"}, "deadletter show": {"1"}, "doctor": {}, "entities": {}, "erase": {"customers", "42"},
		"events tail": {"--since", "1h"}, "request": {"full", "--entities", "jobs", "--wait"}, "runs ls": {}, "runs show": {"1"},
		"plan": {"full", "--entities", "jobs"}, "schedules ls": {}, "status": {}, "verify": {"--entities", "jobs", "--wait"},
	}
	var changing []string // commands that only change something
	documented, err := os.ReadFile("../../docs/commands.md")
	require.NoError(t, err)
	for _, command := range w.leaves(t) {
		words := strings.Fields(command)
		if help := w.run(t, append(slices.Clone(words), "--help")...); !strings.Contains(help.out, "--json") {
			require.NotContains(t, arguments, command)
			changing = append(changing, command)
			continue
		}
		require.Contains(t, arguments, command, "a command with --json")
		args := slices.Concat(words, arguments[command], []string{"--json"})
		var printed result
		switch command {
		case "events tail":
			tail := w.begin(t, args...)
			require.Eventually(t, func() bool { return strings.Contains(tail.out.String(), "sync.rejected.v1") }, waitLimit, tick)
			require.NoError(t, tail.cmd.Process.Signal(os.Interrupt))
			printed = tail.wait(t)
		case "doctor": // on a busy machine a server may not answer in time
			require.Eventually(t, func() bool { printed = w.run(t, args...); return printed.code == 0 }, waitLimit, tick)
		default:
			printed = w.run(t, args...)
		}
		wantCode := 0
		if command == "deadletter replay" {
			wantCode = 4 // rejected again
		}
		require.Equal(t, wantCode, printed.code, "%s: %s%s", command, printed.out, printed.errors)
		decoder := json.NewDecoder(strings.NewReader(printed.out))
		count := 0
		for ; decoder.More(); count++ {
			var value any
			require.NoError(t, decoder.Decode(&value), "%s: %s", command, printed.out)
			if command != "config" && command != "request" && command != "verify" { // names of variables and events
				depth := 0
				if command == "status" || command == "schedules ls" {
					depth = 1 // the lists in it, but not the results of runs, which docs/events.md has
				}
				requireNamesDocumented(t, command, string(documented), value, depth)
			}
		}
		require.Positive(t, count, command)
		require.NotContains(t, printed.out, "\x1b", command)
	}
	slices.Sort(changing)
	require.Equal(t, []string{
		"bridge", "cancel", "deadletter dismiss", "gateway", "healthcheck", "migrate", "notifier", "pause", "resume",
		"schedules pause", "schedules resume", "schedules trigger", "serve", "worker",
	}, changing)
}

// requireNamesDocumented requires that a document names the keys of an object, or of the first object of
// a list, likewise in lists at a lower depth.
func requireNamesDocumented(t *testing.T, command, document string, value any, depth int) {
	t.Helper()
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	object, _ := value.(map[string]any)
	for name, one := range object {
		require.Contains(t, document, "`"+name+"`", "%s prints %s", command, name)
		if list, ok := one.([]any); ok && depth > 0 {
			requireNamesDocumented(t, command, document, list, depth-1)
		}
	}
}
