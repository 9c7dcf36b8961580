package metrics

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/servicetitan"
)

var acme = []Tenant{{ID: "42", Entities: []string{"customers"}}}

// gathered returns the values of all series, a histogram's count, by name and label values.
func gathered(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestEveryDefinitionIsRegisteredAndNothingElse(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	NewBridge(r)
	NewStore(r, acme).StatementDone("begin_run", time.Second)
	NewStream(r, []string{"bridge-requests"})
	NewServiceTitan(r, acme)
	NewNotifications(r, []string{"webhook"})
	NewWebhooks(r)
	NewFailedWorkflowTasks(r)
	g := NewGauges(r, GaugeSources{
		Streams: true, Tenants: acme,
		Ledger: func(context.Context) (ledger.Gauges, error) {
			return ledger.Gauges{Freshness: []ledger.Freshness{{TenantID: "42", Entity: "customers", AsOf: time.Now(), Target: time.Hour}}}, nil
		},
		Backlog: func(context.Context) (Backlog, error) {
			one := map[string]uint64{"x": 1}
			return Backlog{Pending: one, Bytes: one, MaxBytes: one}, nil
		},
		DeadLetters: func(context.Context) (uint64, error) { return 1, nil },
	})
	require.NoError(t, g.refresh(t.Context()))
	families, err := r.Gather()
	require.NoError(t, err)
	names := []string{"lazisync_build_info"} // of internal/telemetry
	for _, f := range families {
		names = append(names, f.GetName())
	}
	var declared []string
	for _, d := range Definitions {
		declared = append(declared, d.Name)
		require.NotEmpty(t, d.Help, d.Name)
		require.NotEmpty(t, d.Roles, d.Name)
		require.Equal(t, d.Kind == Histogram, len(d.Buckets) > 0, d.Name)
	}
	slices.Sort(names)
	slices.Sort(declared)
	require.Equal(t, declared, names)
}

func TestRecordersCount(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	b, s, st := NewBridge(r), NewStore(r, acme), NewServiceTitan(r, acme)
	stream, notified, webhook := NewStream(r, []string{"notifier"}), NewNotifications(r, []string{"webhook"}), NewWebhooks(r)
	before := gathered(t, r)
	require.Zero(t, before["lazisync_runs_total PermissionError incremental failed 42"])
	require.Contains(t, before, "lazisync_runs_total PermissionError incremental failed 42", "it exists from the start")

	b.Answered(events.KindRequest, events.Full, bridge.Answers[0])
	b.Answered(events.KindRequest, "made up", "rejected")
	b.Answered(events.KindControl, "", "no_target")
	b.Reconciled("runs_finalized", 2)
	began := time.Now()
	s.RunFinished(ledger.Run{
		TenantID: "42", Mode: events.Incremental, State: ledger.Failed, Error: &events.RunError{Type: events.PermissionError},
		StartedAt: began, FinishedAt: began.Add(time.Second),
	})
	s.PageStored("42", "customers", events.Counts{Pages: 1, Fetched: 9, Inserted: 1, Updated: 2, Unchanged: 3, Deleted: 4, Rejected: 5})
	s.FieldAdded("42", "customers")
	s.StatementDone("store_page", time.Millisecond)
	st.Responded("42", 0, time.Second)
	st.Responded("42", 429, time.Second)
	st.Delayed("42", servicetitan.DelayTooManyRequests, 1500*time.Millisecond)
	stream.Published(time.Millisecond)
	stream.Redelivered("notifier")
	notified("#sync-alerts", "folded")
	webhook(gateway.WebhookAccepted)

	after := gathered(t, r)
	for name, want := range map[string]float64{
		"lazisync_requests_total accepted full":                     1,
		"lazisync_requests_total rejected unknown":                  1,
		"lazisync_bridge_answers_total no_target control":           1,
		"lazisync_reconcile_actions_total runs_finalized":           2,
		"lazisync_bridge_mended_total runs_finalized":               2,
		"lazisync_runs_total PermissionError incremental failed 42": 1,
		"lazisync_run_duration_seconds incremental failed":          1,
		"lazisync_pages_total customers 42":                         1,
		"lazisync_records_total customers deleted 42":               4,
		"lazisync_records_total customers rejected 42":              5,
		"lazisync_new_fields_total customers 42":                    1,
		"lazisync_db_statement_duration_seconds store_page":         1,
		"lazisync_api_requests_total none 42":                       1,
		"lazisync_api_requests_total 429 42":                        1,
		"lazisync_api_request_duration_seconds":                     2,
		"lazisync_api_throttled_seconds_total too_many_requests 42": 1.5,
		"lazisync_publish_duration_seconds":                         1,
		"lazisync_consumer_redelivered_total notifier":              1,
		"lazisync_notifications_total slack grouped":                1,
		"lazisync_notifier_notifications_total folded":              1,
		"lazisync_webhooks_total accepted":                          1,
		"lazisync_gateway_webhooks_total taken":                     1,
	} {
		require.Contains(t, after, name)
		require.InDelta(t, want, after[name]-before[name], 1e-9, name)
	}
}

func TestGaugesAreAbsentWhileTheyCannotBeRead(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	var failing error
	customers := ledger.TenantEntity{TenantID: "42", Entity: "customers"}
	g := NewGauges(r, GaugeSources{Tenants: acme, Ledger: func(context.Context) (ledger.Gauges, error) {
		return ledger.Gauges{
			OpenRuns:        map[ledger.OpenRuns]int64{{TenantID: "42", Mode: events.Full, State: ledger.Running}: 2},
			RejectedRecords: map[ledger.TenantEntity]int64{customers: 3},
			Freshness: []ledger.Freshness{
				{TenantID: "42", Entity: "customers", AsOf: time.Now().Add(-time.Minute), Age: time.Minute, Target: time.Hour},
				{TenantID: "42", Entity: "invoices", AsOf: time.Now().Add(-time.Hour), Age: time.Hour},
				{TenantID: "42", Entity: "jobs", Age: 2 * time.Hour, Target: time.Hour, Stale: true},
			},
		}, failing
	}})
	require.Empty(t, gathered(t, r), "nothing was read")
	require.NoError(t, g.refresh(t.Context()))
	values := gathered(t, r)
	require.EqualValues(t, 2, values["lazisync_runs_open full running 42"])
	require.Contains(t, values, "lazisync_runs_open full paused 42")
	require.EqualValues(t, 3, values["lazisync_rejected_records customers 42"])
	require.InDelta(t, 60, values["lazisync_entity_age_seconds customers 42"], 5)
	require.NotContains(t, values, "lazisync_entity_age_seconds jobs 42", "never read completely")
	require.Contains(t, values, "lazisync_entity_stale customers 42")
	require.Zero(t, values["lazisync_entity_stale customers 42"])
	require.EqualValues(t, 1, values["lazisync_entity_stale jobs 42"])
	require.NotContains(t, values, "lazisync_entity_stale invoices 42", "not evaluated")

	failing = context.DeadlineExceeded
	g.ledger.at = time.Now().Add(-2 * gaugesMaxAge)
	require.ErrorIs(t, g.refresh(t.Context()), failing)
	require.Empty(t, gathered(t, r))
}

func TestAnUnavailableSourceOfGaugesHidesNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := prometheus.NewRegistry()
		g := NewGauges(r, GaugeSources{
			Streams: true,
			Ledger: func(ctx context.Context) (ledger.Gauges, error) {
				<-ctx.Done()
				return ledger.Gauges{}, ctx.Err()
			},
			Backlog: func(ctx context.Context) (Backlog, error) {
				return Backlog{Pending: map[string]uint64{"notifier": 3}}, ctx.Err()
			},
			DeadLetters: func(ctx context.Context) (uint64, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			},
		})
		require.ErrorIs(t, g.refresh(t.Context()), context.DeadlineExceeded)
		values := gathered(t, r)
		require.EqualValues(t, 3, values["lazisync_consumer_pending notifier"])
		require.NotContains(t, values, "lazisync_dead_letters")
	})
}
