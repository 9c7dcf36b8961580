package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestTailSelectsEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options TailOptions
		want    string // kinds of the printed events
	}{
		"everything":        {TailOptions{}, "accepted started paused resumed completed rejected failed stale fresh cancelled"},
		"types":             {TailOptions{Types: []string{"completed,sync.failed", events.Progress.Name}}, "progress completed failed"},
		"a tenant":          {TailOptions{TenantID: "8"}, "failed stale fresh"},
		"a run":             {TailOptions{Run: 4}, "failed"},
		"a type of a run":   {TailOptions{Run: 3, Types: []string{"started"}}, "started"},
		"an unknown tenant": {TailOptions{TenantID: "9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, c.options.Check())
			var out, asJSON bytes.Buffer
			tail(t, c.options, &out)
			var kinds []string
			for line := range strings.Lines(out.String()) {
				kinds = append(kinds, strings.Fields(line)[1])
			}
			require.Equal(t, c.want, strings.Join(kinds, " "))
			c.options.JSON = true
			tail(t, c.options, &asJSON)
			kinds = nil
			for line := range strings.Lines(asJSON.String()) {
				var e struct{ Type string }
				require.NoError(t, json.Unmarshal([]byte(line), &e))
				kinds = append(kinds, strings.Split(e.Type, ".")[3])
			}
			require.Equal(t, c.want, strings.Join(kinds, " "))
		})
	}
}

func TestTailDescribesEveryEvent(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for _, m := range aDay(t) {
		e, err := events.Decode(m)
		require.NoError(t, err)
		require.NotEmpty(t, describeEvent(e), m.Subject)
		described[strings.TrimPrefix(m.Subject, subjectPrefix)] = true
	}
	for _, name := range EventTypeNames() {
		require.True(t, described[name], "aDay has no sync.%s", name)
	}
}

func TestTailOptionsAreChecked(t *testing.T) {
	t.Parallel()
	require.EqualError(t, TailOptions{Types: []string{"complete", "wombat"}, TenantID: "x", Run: -1, Since: -time.Hour}.Check(),
		`--type: got "complete", want completed
--type: got "wombat", want one of accepted, rejected, started, progress, paused, resumed, stale, fresh, completed, failed, cancelled
--tenant: got "x", want the number of a ServiceTitan tenant, digits only
--run: got -1, want the number of a run
--since: got -1h0m0s, want a duration above 0, such as 1h`)
}
