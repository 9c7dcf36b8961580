package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/ledger"
)

// attentionView is one thing that an operator should look at.
type attentionView struct {
	Code       string          `json:"code"`     // one of the codes below
	Severity   string          `json:"severity"` // error: data are or become stale; warning: look at it
	Text       string          `json:"text"`
	Fix        string          `json:"fix,omitempty"`
	TenantID   events.TenantID `json:"tenantId,omitempty"`
	Entities   []string        `json:"entities,omitempty"`
	RunNumber  int64           `json:"runNumber,omitempty"`
	ScheduleID string          `json:"scheduleId,omitempty"`
	Count      int64           `json:"count,omitempty"`
	Since      *time.Time      `json:"since,omitempty"`
}

const (
	severityError   = "error"
	severityWarning = "warning"

	codeNoWorker            = "noWorker"
	codeTemporalUnavailable = "temporalUnavailable"
	codeNATSUnavailable     = "natsUnavailable"
	codeStale               = "stale"
	codeEntityFailed        = "entityFailed"
	codeRunPaused           = "runPaused"
	codeSchedulePaused      = "schedulePaused"
	codeDeadLetters         = "deadLetters"
	codeRejectedRecords     = "rejectedRecords"
)

const (
	// attentionAge is how long the answer is reused: every open page requests it, and it asks
	// PostgreSQL, Temporal and NATS. It is shorter than the 300 ms after which the page reacts to
	// an event, so that the answer is not from before the event.
	attentionAge = 250 * time.Millisecond
	// attentionSpan is how far back rejected records count.
	attentionSpan    = 24 * time.Hour
	attentionTimeout = 8 * time.Second
	attentionRuns    = 100
)

// attentionCache has the latest answer.
type attentionCache struct {
	mu   sync.Mutex
	at   time.Time
	list []attentionView
}

// showAttention lists what an operator should look at, errors first.
func (g *Gateway) showAttention(w http.ResponseWriter, r *http.Request) error {
	c := &g.attention
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := g.Now(); c.list == nil || now.Sub(c.at) >= attentionAge || now.Before(c.at) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), attentionTimeout)
		defer cancel()
		list, err := g.findAttention(ctx, now)
		if err != nil {
			return unavailable("the database is unavailable", err)
		}
		c.list, c.at = list, now
	}
	return writeJSON(w, http.StatusOK, map[string]any{"attention": c.list})
}

// findAttention returns an error only if the database is unavailable. What else is unavailable is
// in the list.
func (g *Gateway) findAttention(ctx context.Context, now time.Time) ([]attentionView, error) {
	outages, err := g.Ledger.OpenOutages(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := g.Ledger.Runs(ctx, attentionRuns)
	if err != nil {
		return nil, err
	}
	rejected, err := g.Ledger.RejectedCounts(ctx, now.Add(-attentionSpan))
	if err != nil {
		return nil, err
	}
	list := g.temporalAttention(ctx)
	for _, o := range outages {
		list = append(list, outageAttention(o))
	}
	list = append(list, failedAttention(runs)...)
	list = append(list, pausedAttention(runs)...)
	list = append(list, g.scheduleAttention(ctx)...)
	list = append(list, g.deadLetterAttention(ctx)...)
	for _, c := range rejected {
		list = append(list, attentionView{
			Code: codeRejectedRecords, Severity: severityWarning, TenantID: c.TenantID, Entities: []string{c.Entity}, Count: c.Records,
			RunNumber: c.Run, Since: timeOrNull(c.Latest),
			Text: fmt.Sprintf("%s of %s could not be stored in the last 24 hours", display.Count(c.Records, "record"), c.Entity),
			Fix:  "read the reasons; correct the records in ServiceTitan, then start a full sync of the entity",
		})
	}
	return list, nil
}

func (g *Gateway) temporalAttention(ctx context.Context) []attentionView {
	switch workers, err := g.Temporal.HasWorkers(ctx); {
	case err != nil:
		return []attentionView{{
			Code: codeTemporalUnavailable, Severity: severityError, Text: "Temporal is unavailable: no run starts or continues",
			Fix: "lazisync doctor names the error; runs continue when Temporal is back",
		}}
	case !workers:
		return []attentionView{{
			Code: codeNoWorker, Severity: severityError, Text: "No worker is running: no run starts or continues",
			Fix: "start the role worker (lazisync worker, or lazisync serve); the log of the worker says why it stopped",
		}}
	}
	return []attentionView{}
}

func outageAttention(o ledger.Outage) attentionView {
	text := strings.Join(o.Names(), ", ") + isOrAre(len(o.Entities)) + " stale"
	if o.Cause != "" {
		text += ". Likely cause: " + o.Cause
	}
	return attentionView{Code: codeStale, Severity: severityError, TenantID: o.TenantID, Entities: o.Names(), Since: timeOrNull(o.Since), Text: text}
}

// failedAttention returns the entities whose latest result is a failure, by run. The runs are the
// latest of all tenants, in any order.
func failedAttention(runs []ledger.Run) (list []attentionView) {
	latest := map[ledger.TenantEntity]int64{}
	for _, run := range runs {
		for _, result := range run.Results {
			of := ledger.TenantEntity{TenantID: run.TenantID, Entity: result.Entity}
			if result.Status == events.StatusFailed || result.Status == events.StatusCompleted {
				latest[of] = max(latest[of], run.Number)
			}
		}
	}
	for _, run := range runs {
		view := attentionView{
			Code: codeEntityFailed, Severity: severityError, TenantID: run.TenantID, RunNumber: run.Number, Since: timeOrNull(run.FinishedAt),
		}
		for _, result := range run.Results {
			if result.Status != events.StatusFailed || latest[ledger.TenantEntity{TenantID: run.TenantID, Entity: result.Entity}] != run.Number {
				continue
			}
			view.Entities = append(view.Entities, result.Entity)
			if result.Error != nil && view.Text == "" {
				view.Text = ": " + string(result.Error.Type) + ": " + result.Error.Message
			}
		}
		if len(view.Entities) > 0 {
			view.Text = fmt.Sprintf("Run %d failed for %s%s", run.Number, strings.Join(view.Entities, ", "), view.Text)
			list = append(list, view)
		}
	}
	return list
}

func pausedAttention(runs []ledger.Run) (list []attentionView) {
	for _, run := range runs {
		if run.ReportedState() != ledger.Paused {
			continue
		}
		text := fmt.Sprintf("Run %d is paused", run.Number)
		if run.Pause.Actor != "" {
			text += " by " + run.Pause.Actor
		}
		if run.Pause.Reason != "" {
			text += ": " + run.Pause.Reason
		}
		if run.Mode.Info().PerTenant {
			text += ". All later incremental requests of the tenant wait, webhooks included"
		}
		list = append(list, attentionView{
			Code: codeRunPaused, Severity: severityWarning, TenantID: run.TenantID, RunNumber: run.Number, Entities: run.Entities,
			Since: timeOrNull(run.Pause.Since), Text: text, Fix: "resume or cancel the run",
		})
	}
	return list
}

// scheduleAttention returns the paused schedules; none if Temporal is unavailable, which
// temporalAttention reports.
func (g *Gateway) scheduleAttention(ctx context.Context) (list []attentionView) {
	schedules, _ := g.Temporal.ListSchedules(ctx)
	for _, s := range schedules {
		if !s.Paused {
			continue
		}
		text := "The schedule " + s.ScheduleID + " is paused"
		if s.Note != "" {
			text += ": " + s.Note
		}
		list = append(list, attentionView{
			Code: codeSchedulePaused, Severity: severityWarning, TenantID: s.TenantID, ScheduleID: s.ScheduleID, Text: text, Fix: "resume the schedule",
		})
	}
	return list
}

func (g *Gateway) deadLetterAttention(ctx context.Context) []attentionView {
	latest, _, next, err := g.latestDeadLetters(ctx, 0, defaultDeadLetters)
	if err != nil {
		return []attentionView{{
			Code: codeNATSUnavailable, Severity: severityError, Text: "NATS is unavailable: requests and webhooks are not accepted",
			Fix: "lazisync doctor names the error",
		}}
	}
	var count int64
	var newest deadLetter
	for _, d := range latest {
		if d.isOpen() {
			if count == 0 {
				newest = d
			}
			count++
		}
	}
	if count == 0 {
		return nil
	}
	text := display.Count(count, "rejected message")
	if next > 0 && count == int64(len(latest)) {
		text = "More than " + text
	}
	return []attentionView{{
		Code: codeDeadLetters, Severity: severityWarning, Count: count, Since: timeOrNull(newest.At),
		Text: text + ", neither replayed nor dismissed; latest: " + newest.Reason, Fix: "correct the publisher or the cause, then replay or dismiss",
	}}
}

func isOrAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}
