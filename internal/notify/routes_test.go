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
	warned, other, silent := outcomeData(), outcomeData(), outcomeData()
	warned.Results[0].Warnings = []string{"an unstable list"}
	other.TenantID = "1002"
	silent.Notify = nil
	routes := []Route{
		{"1001", []string{KindFailed, KindRecovered}, []string{"#oncall", "webhook"}},
		{"*", []string{KindFailed}, []string{"#oncall", "#failures"}},
		{"*", []string{KindWarning, KindRejected}, []string{"#data"}},
	}
	for name, c := range map[string]struct {
		d    *delivery
		want []string
	}{
		"routes add up":                  {deliver(t, events.Failed, outcomeData()), []string{"#oncall", "webhook", "#failures"}},
		"another tenant":                 {deliver(t, events.Failed, other), []string{"#oncall", "#failures"}},
		"no route":                       {deliver(t, events.Completed, outcomeData()), []string{"#sync-alerts"}},
		"a warning":                      {deliver(t, events.Completed, warned), []string{"#data"}},
		"a rejected command":             {rejection(t, "1", rejectedData()), []string{"#data"}},
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
