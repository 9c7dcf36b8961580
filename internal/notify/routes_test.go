package notify

import (
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestHandleRoutesByTenantAndKind(t *testing.T) {
	t.Parallel()
	warned, other, silent, differing := outcomeData(), outcomeData(), outcomeData(), outcomeData()
	differing.Results[0].Differences = &events.Differences{Missing: 1, Sample: []string{"7"}}
	warned.Results[0].Warnings = []string{"an unstable list"}
	other.TenantID = "1002"
	silent.Notify = nil
	routes := []Route{
		{"1001", []string{KindFailed, KindRecovered}, []string{"#oncall", "webhook"}},
		{"*", []string{KindFailed}, []string{"#oncall", "#failures"}},
		{"*", []string{KindWarning, KindRejected}, []string{"#data"}},
		{"1001", []string{KindStale}, []string{"#oncall"}},
		{"*", []string{KindStale, KindFresh}, []string{"#freshness"}},
	}
	for name, c := range map[string]struct {
		d    *delivery
		want []string
	}{
		"routes add up":                  {deliver(t, events.Failed, outcomeData()), []string{"#oncall", "webhook", "#failures"}},
		"another tenant":                 {deliver(t, events.Failed, other), []string{"#oncall", "#failures"}},
		"no route":                       {deliver(t, events.Completed, outcomeData()), []string{"#sync-alerts"}},
		"a warning":                      {deliver(t, events.Completed, warned), []string{"#data"}},
		"differences":                    {deliver(t, events.Completed, differing), []string{"#data"}},
		"a rejected command":             {rejection(t, "1", rejectedData()), []string{"#data"}},
		"stale entities":                 {freshness(t, events.Stale, "1001"), []string{"#oncall", "#freshness"}},
		"stale ones of another tenant":   {freshness(t, events.Stale, "1002"), []string{"#freshness"}},
		"fresh entities":                 {freshness(t, events.Fresh, "1001"), []string{"#freshness"}},
		"an event without notifications": {deliver(t, events.Failed, silent), nil},
	} {
		p := &fakeSender{}
		n := New(Options{Sender: p, Alerts: "#ops", Routes: routes, Logger: zerolog.Nop()})
		n.Now = func() time.Time { return ended }
		require.NoError(t, n.Handle(t.Context(), one(c.d)), name)
		require.ElementsMatch(t, c.want, p.names(), name)
	}
	every := Route{Tenant: "*", Kinds: []string{"*"}, Channels: []string{"#all"}}
	require.Equal(t, []string{"#all"}, route([]Route{every}, Notification{Outcome: Cancelled}, []string{"#a"}))
}

func freshness(t *testing.T, of events.Type[events.FreshnessData], tenant events.TenantID) *delivery {
	t.Helper()
	event, err := of.New(events.Attributes{ID: "1/" + of.Name, Source: "/lazisync", Subject: "incremental-sync-" + string(tenant), Time: ended}, events.FreshnessData{
		TenantID: tenant, Since: ended.Add(-time.Hour), Entities: []events.EntityAge{{Entity: "jobs", AgeSeconds: 7200, TargetSeconds: 3600}},
	})
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return &delivery{message: events.Message{Subject: of.Subject, Header: events.Header(event), Data: encoded, Stored: ended}}
}
