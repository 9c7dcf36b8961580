package fault

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// checkOracle waits until everything is settled and checks all guarantees. since is the end of
// the fault, from which the recovery time is measured.
func (r *rig) checkOracle(t *testing.T, since time.Time) {
	t.Helper()
	results.begin(t)
	r.awaitSettled(t)
	recovered := time.Since(since)
	if r.changing { // an incremental syncs the changes during and after the fault
		r.incremental(t)
		r.awaitSettled(t)
	}
	v := &oracle{rig: r}
	require.NoError(t, v.gather(t.Context()))
	for _, prove := range []func(context.Context) error{
		v.answers, v.repetitions, v.outcomes, v.identities, v.published, v.writers, v.failures, v.starts, v.ledger, v.executions, v.partition, v.controls, v.versions, v.rows, v.leaks, v.secrets, v.budget, v.order,
	} {
		require.NoError(t, prove(t.Context()))
	}
	results.record(t, v.lost, v.repeated, recovered)
	t.Logf("the order of %d changes and events was checked", v.checked)
	require.Empty(t, v.findings)
}

// awaitSettled waits until every command in JetStream has an outcome that is published, and no
// consumer has pending messages.
func (r *rig) awaitSettled(t *testing.T) {
	t.Helper()
	began := time.Now()
	var why, last string
	require.Eventually(t, func() bool {
		why = r.unfinished(t.Context())
		last = cmp.Or(why, last)
		return why == ""
	}, r.waitLimit, 2*tick, "not finished: %s", &lazy{&why})
	if took := time.Since(began); took > longCheck {
		t.Logf("calm after %.0f s, the last to wait for: %s", took.Seconds(), last)
	}
}

// longCheck is the wait from which on the log mentions it.
const longCheck = 20 * time.Second

// lazy is a text that is evaluated when it is printed.
type lazy struct{ text *string }

func (l *lazy) String() string { return *l.text }

// unfinished describes what is not finished yet, "" if everything is.
func (r *rig) unfinished(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var ids []string
	for _, a := range r.commands(events.KindRequest) {
		if !a.refused && !a.setBack {
			ids = append(ids, a.requestID())
		}
	}
	var notified, open, controls int
	err := r.sql.QueryRow(ctx, `
		select (select count(*) from raw.sync_requests q join raw.sync_runs r using (run_number)
				where q.request_id = any($1) and r.published_at is not null),
			(select count(*) from raw.sync_requests q left join raw.sync_runs r using (run_number) where r.published_at is null),
			(select count(*) from raw.sync_controls where state = 'pending')`, ids).Scan(&notified, &open, &controls)
	if err != nil {
		return err.Error()
	}
	if notified < len(ids) || open > 0 || controls > 0 {
		return fmt.Sprintf("%d of %d requests with an outcome, %d open, %d controls pending", notified, len(ids), open, controls)
	}
	for stream, names := range consumers {
		for _, name := range names {
			consumer, err := r.js.Consumer(ctx, stream, name)
			if err != nil {
				return err.Error()
			}
			if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
				return fmt.Sprintf("%s: %d pending, %d not acknowledged", name, info.NumPending, info.NumAckPending)
			}
		}
	}
	return ""
}

// oracle checks one rig and collects its findings.
type oracle struct {
	*rig
	commandStream, eventStream, deadLetters []event

	accepted   map[string]int              // by request, answers that are no duplicates
	duplicates map[string]int              // by request
	rejected   map[string]int              // by request
	ended      map[string]map[int64]string // by request and run, how it ended
	notified   map[string]int              // by request, the events with its outcome

	own     map[string]bool // requests without a published command: second passes
	setBack map[string]bool // requests that had not ended in a restored ledger

	lost, repeated int
	checked        int // recorded changes and events
	findings       []string
}

func (v *oracle) find(format string, args ...any) {
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// gather reads the streams, and the events of each command.
func (v *oracle) gather(ctx context.Context) (err error) {
	if v.commandStream, err = v.read(ctx, "SYNC_COMMANDS"); err != nil {
		return err
	}
	if v.eventStream, err = v.read(ctx, "SYNC_EVENTS"); err != nil {
		return err
	}
	if v.deadLetters, err = v.read(ctx, "SYNC_DEADLETTER"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range v.eventStream {
		if seen[e.Source+" "+e.ID] {
			v.find("event %s %s is stored twice", e.on, e.ID)
		}
		seen[e.Source+" "+e.ID] = true
	}
	v.eventStream = v.delivered(v.eventStream)
	v.accepted, v.duplicates, v.rejected = map[string]int{}, map[string]int{}, map[string]int{}
	v.ended, v.notified = map[string]map[int64]string{}, map[string]int{}
	v.own, v.setBack = map[string]bool{}, map[string]bool{}
	for _, a := range v.commands(events.KindRequest) {
		v.setBack[a.requestID()] = a.setBack
	}
	for _, e := range v.eventStream {
		if err := v.count(e); err != nil {
			return err
		}
	}
	return nil
}

func (v *oracle) count(e event) error {
	switch {
	case e.name() == "accepted":
		d, err := decode[events.AcceptedData](e)
		if err != nil {
			return err
		}
		if d.Duplicate {
			v.duplicates[d.RequestID]++
		} else {
			v.accepted[d.RequestID]++
		}
	case e.name() == "rejected":
		d, err := decode[events.RejectedData](e)
		if err != nil {
			return err
		}
		v.rejected[d.RequestID]++
	case e.isOutcome():
		d, err := decode[events.OutcomeData](e)
		if err != nil {
			return err
		}
		for _, q := range d.Requests {
			if v.ended[q.RequestID] == nil {
				v.ended[q.RequestID] = map[int64]string{}
			}
			if before := v.ended[q.RequestID][d.RunNumber]; before != "" && before != e.name() && !v.setBack[q.RequestID] {
				v.find("run %d is both %s and %s", d.RunNumber, before, e.name())
			}
			v.ended[q.RequestID][d.RunNumber] = e.name()
			v.notified[q.RequestID]++
			if q.Source == ledger.SecondPassSource {
				v.own[q.RequestID] = true
			}
		}
	}
	return nil
}

// answers: every command that JetStream has is answered; the one that can never succeed
// is rejected, no other is; and nothing is accepted as new twice, unless it was published
// again to a ledger that had forgotten it.
func (v *oracle) answers(context.Context) error {
	messages := v.messages()
	for _, a := range append(v.commands(events.KindRequest), v.commands(events.KindControl)...) {
		id := a.requestID()
		accepted, duplicates, rejected := v.accepted[id], v.duplicates[id], v.rejected[id]
		switch {
		case accepted+duplicates+rejected == 0:
			v.lost++
			v.find("%s %s has no answer", a.kind, id)
		case accepted > 1 && !(a.setBack && accepted <= messages[id]) || accepted > 0 && rejected > 0:
			v.repeated++
			v.find("%s %s is answered %d times as accepted, %d as rejected", a.kind, id, accepted, rejected)
		case a.kind == events.KindRequest && (rejected > 0) != a.refused:
			v.find("request %s: rejected is %t, want %t", id, rejected > 0, a.refused)
		}
	}
	return nil
}

// outcomes: every accepted request has exactly one.
func (v *oracle) outcomes(context.Context) error {
	for _, a := range v.commands(events.KindRequest) {
		n := v.notified[a.requestID()]
		if a.setBack && n <= 2 {
			continue
		}
		if !a.refused && n != 1 {
			if n == 0 {
				v.lost++
			} else {
				v.repeated++
			}
			v.find("request %s has %d outcomes: %v", a.requestID(), n, v.ended[a.requestID()])
		}
	}
	for id, runs := range v.ended {
		if v.accepted[id]+v.duplicates[id] == 0 && !v.own[id] {
			v.find("request %s has the outcome %v and was not accepted", id, runs)
		}
	}
	return nil
}
