package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/servicetitan"
)

const (
	none    = "none"    // value of a label that does not apply
	unknown = "unknown" // mode of a request that cannot be read
)

// Bridge implements bridge.Recorder.
type Bridge struct{ requests, answers, actions, deprecatedActions *prometheus.CounterVec }

// NewBridge registers the metrics of the bridge.
func NewBridge(r prometheus.Registerer) *Bridge {
	b := &Bridge{
		requests:          counter(r, "lazisync_requests_total"),
		answers:           counter(r, "lazisync_bridge_answers_total"),
		actions:           counter(r, "lazisync_reconcile_actions_total"),
		deprecatedActions: counter(r, "lazisync_bridge_mended_total"),
	}
	for _, answer := range bridge.Answers { // a counter must exist at 0 for its first increase to count
		b.answers.WithLabelValues(string(events.KindRequest), answer)
		b.answers.WithLabelValues(string(events.KindControl), answer)
		for _, m := range events.Modes() {
			b.requests.WithLabelValues(string(m.Mode), answer)
		}
		b.requests.WithLabelValues(unknown, answer)
	}
	for _, action := range bridge.ReconcileActions {
		b.actions.WithLabelValues(action)
		b.deprecatedActions.WithLabelValues(action)
	}
	return b
}

// Answered implements bridge.Recorder.
func (b *Bridge) Answered(kind events.Kind, mode events.Mode, answer string) {
	b.answers.WithLabelValues(string(kind), answer).Inc()
	if kind == events.KindRequest {
		b.requests.WithLabelValues(modeLabel(mode), answer).Inc()
	}
}

// Reconciled implements bridge.Recorder.
func (b *Bridge) Reconciled(action string, times int) {
	b.actions.WithLabelValues(action).Add(float64(times))
	b.deprecatedActions.WithLabelValues(action).Add(float64(times))
}

// modeLabel keeps the label bounded: a rejected request may name any mode.
func modeLabel(mode events.Mode) string {
	for _, m := range events.Modes() {
		if m.Mode == mode {
			return string(mode)
		}
	}
	return unknown
}

// Tenant is a configured tenant, for which series exist from the start.
type Tenant struct {
	ID       string
	Entities []string
}

// Store implements store.Recorder.
type Store struct {
	runs, records, pages, newFields *prometheus.CounterVec
	runSeconds, statements          *prometheus.HistogramVec
}

// recordResults are the values of label result of lazisync_records_total.
var recordResults = []string{"inserted", "updated", "unchanged", "deleted", "rejected"}

// NewStore registers the metrics of the store.
func NewStore(r prometheus.Registerer, tenants []Tenant) *Store {
	s := &Store{
		runs: counter(r, "lazisync_runs_total"), records: counter(r, "lazisync_records_total"), pages: counter(r, "lazisync_pages_total"),
		newFields:  counter(r, "lazisync_new_fields_total"),
		runSeconds: histogram(r, "lazisync_run_duration_seconds"), statements: histogram(r, "lazisync_db_statement_duration_seconds"),
	}
	for _, t := range tenants {
		for _, m := range events.Modes() {
			s.runs.WithLabelValues(t.ID, string(m.Mode), string(ledger.Completed), none)
			s.runs.WithLabelValues(t.ID, string(m.Mode), string(ledger.Cancelled), none)
			for _, kind := range events.ErrorTypes {
				s.runs.WithLabelValues(t.ID, string(m.Mode), string(ledger.Failed), string(kind))
			}
		}
		for _, entity := range t.Entities {
			s.pages.WithLabelValues(t.ID, entity)
			s.newFields.WithLabelValues(t.ID, entity)
			for _, result := range recordResults {
				s.records.WithLabelValues(t.ID, entity, result)
			}
		}
	}
	for _, m := range events.Modes() {
		for _, outcome := range []ledger.RunState{ledger.Completed, ledger.Failed, ledger.Cancelled} {
			s.runSeconds.WithLabelValues(string(m.Mode), string(outcome))
		}
	}
	return s
}

// RunFinished implements store.Recorder.
func (s *Store) RunFinished(run ledger.Run) {
	errorType := none
	if run.Error != nil && run.State == ledger.Failed {
		errorType = string(run.Error.Type)
	}
	s.runs.WithLabelValues(string(run.TenantID), string(run.Mode), string(run.State), errorType).Inc()
	s.runSeconds.WithLabelValues(string(run.Mode), string(run.State)).Observe(run.FinishedAt.Sub(run.StartedAt).Seconds())
}

// PageStored implements store.Recorder.
func (s *Store) PageStored(tenant events.TenantID, entity string, c events.Counts) {
	s.pages.WithLabelValues(string(tenant), entity).Add(float64(max(0, c.Pages)))
	for i, n := range []int64{c.Inserted, c.Updated, c.Unchanged, c.Deleted, c.Rejected} {
		s.records.WithLabelValues(string(tenant), entity, recordResults[i]).Add(float64(max(0, n)))
	}
}

// FieldAdded implements store.Recorder.
func (s *Store) FieldAdded(tenant events.TenantID, entity string) {
	s.newFields.WithLabelValues(string(tenant), entity).Inc()
}

// StatementDone implements store.Recorder.
func (s *Store) StatementDone(statement string, took time.Duration) {
	s.statements.WithLabelValues(statement).Observe(took.Seconds())
}

// Stream implements stream.Recorder.
type Stream struct {
	published   prometheus.Observer
	redelivered *prometheus.CounterVec
}

// NewStream registers the metrics of the connection to NATS. consumers are those that the
// role reads.
func NewStream(r prometheus.Registerer, consumers []string) *Stream {
	s := &Stream{
		published:   histogram(r, "lazisync_publish_duration_seconds").WithLabelValues(),
		redelivered: counter(r, "lazisync_consumer_redelivered_total"),
	}
	for _, consumer := range consumers {
		s.redelivered.WithLabelValues(consumer)
	}
	return s
}

// Published implements stream.Recorder.
func (s *Stream) Published(took time.Duration) { s.published.Observe(took.Seconds()) }

// Redelivered implements stream.Recorder.
func (s *Stream) Redelivered(consumer string) { s.redelivered.WithLabelValues(consumer).Inc() }

// ServiceTitan implements servicetitan.Recorder.
type ServiceTitan struct {
	requests, throttled *prometheus.CounterVec
	seconds             prometheus.Observer
}

// NewServiceTitan registers the metrics of the API client.
func NewServiceTitan(r prometheus.Registerer, tenants []Tenant) *ServiceTitan {
	s := &ServiceTitan{
		requests: counter(r, "lazisync_api_requests_total"), throttled: counter(r, "lazisync_api_throttled_seconds_total"),
		seconds: histogram(r, "lazisync_api_request_duration_seconds").WithLabelValues(),
	}
	for _, t := range tenants {
		for _, status := range []string{none, "200", "401", "403", "404", "429", "500", "503"} { // any other appears when it occurs
			s.requests.WithLabelValues(t.ID, status)
		}
		for _, reason := range servicetitan.DelayReasons {
			s.throttled.WithLabelValues(t.ID, string(reason))
		}
	}
	return s
}

// Responded implements servicetitan.Recorder.
func (s *ServiceTitan) Responded(tenant events.TenantID, status int, took time.Duration) {
	label := none
	if http.StatusText(status) != "" || status >= 100 && status < 600 {
		label = strconv.Itoa(status)
	}
	s.requests.WithLabelValues(string(tenant), label).Inc()
	s.seconds.Observe(took.Seconds())
}

// Delayed implements servicetitan.Recorder.
func (s *ServiceTitan) Delayed(tenant events.TenantID, reason servicetitan.DelayReason, d time.Duration) {
	s.throttled.WithLabelValues(string(tenant), string(reason)).Add(max(0, d.Seconds()))
}

// slackChannels is the label value of all Slack channels together.
const slackChannels = "slack"

// NewNotifications registers the metrics of notifications and returns what counts a result.
// The named channels have a label value of their own; all others are Slack's.
func NewNotifications(r prometheus.Registerer, named []string) func(channel, result string) {
	results, deprecated := counter(r, "lazisync_notifications_total"), counter(r, "lazisync_notifier_notifications_total")
	for _, result := range notify.Results {
		for _, channel := range append([]string{slackChannels}, named...) {
			results.WithLabelValues(channel, notificationResult(result))
		}
		deprecated.WithLabelValues(result)
	}
	return func(channel, result string) {
		if !slices.Contains(named, channel) {
			channel = slackChannels
		}
		results.WithLabelValues(channel, notificationResult(result)).Inc()
		deprecated.WithLabelValues(result).Inc()
	}
}

func notificationResult(result string) string {
	if result == notify.Grouped {
		return "grouped"
	}
	return result
}

// webhookResults are the label values of lazisync_webhooks_total where they differ from
// those of the deprecated metric.
var webhookResults = map[gateway.WebhookResult]string{gateway.WebhookAccepted: "accepted", gateway.WebhookInvalid: "invalid"}

// NewWebhooks registers the metrics of webhooks and returns what counts a delivery.
func NewWebhooks(r prometheus.Registerer) func(gateway.WebhookResult) {
	results, deprecated := counter(r, "lazisync_webhooks_total"), counter(r, "lazisync_gateway_webhooks_total")
	label := func(result gateway.WebhookResult) string {
		if renamed, ok := webhookResults[result]; ok {
			return renamed
		}
		return string(result)
	}
	for _, result := range gateway.WebhookResults {
		results.WithLabelValues(label(result))
		deprecated.WithLabelValues(string(result))
	}
	return func(result gateway.WebhookResult) {
		results.WithLabelValues(label(result)).Inc()
		deprecated.WithLabelValues(string(result)).Inc()
	}
}

// NewFailedWorkflowTasks registers the counter of failed workflow tasks and returns what
// adds to it.
func NewFailedWorkflowTasks(r prometheus.Registerer) func(n int64) {
	failed := counter(r, "lazisync_worker_workflow_tasks_failed_total").WithLabelValues()
	return func(n int64) { failed.Add(float64(n)) }
}
