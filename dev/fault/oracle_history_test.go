package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// history has the messages of streams that were wiped or restored.
type history struct {
	received []event // everything that was published on sync.>, stored or dropped by JetStream
	events   []event // of earlier SYNC_EVENTS
	commands []event // of earlier SYNC_COMMANDS
}

// listen records every message on sync.> as a plain subscriber of NATS sees it. That
// includes what JetStream drops as a duplicate.
func (r *rig) listen(t *testing.T) {
	t.Helper()
	_, err := r.nc.Subscribe("sync.>", func(m *nats.Msg) {
		e := event{on: m.Subject, header: m.Header, body: m.Data}
		if json.Unmarshal(m.Data, &e) != nil || e.name() == "progress" {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.archived.received = append(r.archived.received, e)
	})
	require.NoError(t, err)
}

// archive keeps the messages of SYNC_EVENTS and SYNC_COMMANDS. Call it before they are wiped or
// restored.
func (r *rig) archive(t *testing.T) {
	t.Helper()
	stored, err := r.read(t.Context(), "SYNC_EVENTS")
	require.NoError(t, err)
	commands, err := r.read(t.Context(), "SYNC_COMMANDS")
	require.NoError(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.archived.events = append(r.archived.events, stored...)
	r.archived.commands = append(r.archived.commands, commands...)
}

// archiveHeard adds to the archive the events that were published after archive read the
// streams and before NATS was stopped.
func (r *rig) archiveReceived() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.archived.received {
		if e.Source == ledger.Source {
			r.archived.events = append(r.archived.events, e)
		}
	}
}

// key returns the identity by which consumers deduplicate.
func (e event) key() string { return e.Source + " " + e.ID }

// content returns the content of an event without its time.
func (e event) content() string {
	var data any
	if json.Unmarshal(e.Data, &data) != nil {
		return e.on + " " + string(e.Data)
	}
	text, _ := json.Marshal(data) // the keys in order
	return e.on + " " + string(text)
}

// delivered lists the events as a consumer sees them that reads the streams from the
// first archived message on and deduplicates by identity.
func (v *oracle) delivered(current []event) (list []event) {
	seen := map[string]bool{}
	for _, e := range slices.Concat(v.archived.events, current) {
		if !seen[e.key()] {
			seen[e.key()] = true
			list = append(list, e)
		}
	}
	return list
}

// identities: no event id has two contents, even if JetStream dropped the second one, or stored the
// first one in a stream that was wiped.
func (v *oracle) identities(context.Context) error {
	first := map[string]string{}
	for _, e := range slices.Concat(v.archived.events, v.archived.received, v.eventStream) {
		if e.Source != ledger.Source || v.answersRestored(e) {
			continue
		}
		switch content := e.content(); first[e.key()] {
		case "":
			first[e.key()] = content
		case content:
		default:
			v.find("event %s has two contents:\n%s\n%s", e.ID, first[e.key()], content)
		}
	}
	return nil
}

// answersRestored reports whether an event answers a request that is new for the restored ledger.
// It is accepted again under the same id, perhaps with another execution.
func (v *oracle) answersRestored(e event) bool {
	if e.name() != "accepted" {
		return false
	}
	d, err := decode[events.AcceptedData](e)
	return err == nil && v.setBack[d.RequestID]
}

// published: an outcome that the ledger calls published reached the consumers, and names
// every request of its run.
func (v *oracle) published(ctx context.Context) error {
	notified := map[string]bool{}
	for _, e := range v.eventStream {
		if !e.isOutcome() {
			continue
		}
		d, err := decode[events.OutcomeData](e)
		if err != nil {
			return err
		}
		run := fmt.Sprintf("%s %s %d %s", d.WorkflowID, d.RunID, d.RunNumber, e.name())
		notified[run] = true
		for _, q := range d.Requests {
			notified[run+" "+q.RequestID] = true
		}
	}
	rows, err := v.sql.Query(ctx, `
		select r.workflow_id, r.first_run_id, r.run_number, r.state, coalesce(q.request_id, '')
		from raw.sync_runs r left join raw.sync_requests q using (run_number) where r.published_at is not null`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var workflowID, firstRunID, state, request string
		var number int64
		if err := rows.Scan(&workflowID, &firstRunID, &number, &state, &request); err != nil {
			return err
		}
		if strings.HasPrefix(firstRunID, ledger.WithdrawnPrefix) {
			firstRunID, number = "", withdrawn
		}
		run := fmt.Sprintf("%s %s %d %s", workflowID, firstRunID, number, state)
		switch {
		case !notified[run]:
			v.lost++
			v.find("run %d (%s) is marked published, and no consumer saw its outcome %q", number, workflowID, state)
		case request != "" && !notified[run+" "+request]:
			v.lost++
			v.find("run %d (%s) is marked published, and no consumer saw request %s in its outcome", number, workflowID, request)
		}
	}
	return rows.Err()
}

// writers: a run belongs to one workflow execution. No two have its number, and it wrote
// no rows of an entity that its outcome does not name.
func (v *oracle) writers(ctx context.Context) error {
	executions, entities := map[int64]map[string]bool{}, map[int64][]string{}
	for _, e := range v.eventStream {
		switch e.name() {
		case "started", "paused", "resumed", "completed", "failed", "cancelled":
		default:
			continue
		}
		d, err := decode[events.RunData](e)
		if err != nil {
			return err
		}
		if d.RunNumber == withdrawn {
			continue
		}
		if executions[d.RunNumber] == nil {
			executions[d.RunNumber] = map[string]bool{}
		}
		executions[d.RunNumber][d.WorkflowID+" "+d.RunID] = true
		if e.isOutcome() {
			entities[d.RunNumber] = append(entities[d.RunNumber], d.Entities...)
		}
	}
	for number, all := range executions {
		if len(all) > 1 {
			v.repeated++
			v.find("run %d belongs to %d workflow executions: %v", number, len(all), all)
		}
	}
	written, err := v.rowsByRun(ctx)
	if err != nil {
		return err
	}
	for _, w := range written {
		if !slices.Contains(entities[w.run], w.entity) {
			v.find("%d rows of %s have run number %d, whose outcome names %v", w.rows, w.entity, w.run, entities[w.run])
		}
	}
	return nil
}

// written is the number of rows of an entity that a run changed last.
type written struct {
	entity    string
	run, rows int64
}

func (v *oracle) rowsByRun(ctx context.Context) (all []written, err error) {
	for _, name := range v.compared {
		rows, err := v.sql.Query(ctx, "select run_number, count(*) from raw.st_"+name+" group by run_number")
		if err != nil {
			return nil, err
		}
		w := written{entity: name}
		for rows.Next() {
			if err := rows.Scan(&w.run, &w.rows); err != nil {
				rows.Close()
				return nil, err
			}
			all = append(all, w)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// repetitions: "duplicate" is the answer to another message with an identity that was seen
// before, never of the first message, however often that is delivered.
func (v *oracle) repetitions(context.Context) error {
	messages := v.messages()
	for id, n := range v.duplicates {
		if stored := messages[id]; n >= max(stored, 1) || v.accepted[id]+v.rejected[id] == 0 {
			v.find("%s is in JetStream %d times; it is called a duplicate %d times, and %d times accepted", id, stored, n, v.accepted[id])
		}
	}
	return nil
}

// messages counts the messages that hold each request or control, also those of streams
// that were wiped.
func (v *oracle) messages() map[string]int {
	places := map[string]map[string]bool{}
	for _, m := range slices.Concat(v.archived.commands, v.commandStream) {
		id := events.RequestID(m.Source, m.ID)
		if places[id] == nil {
			places[id] = map[string]bool{}
		}
		places[id][fmt.Sprintf("%d %d", m.sequence, m.stored.UnixNano())] = true
	}
	counts := map[string]int{}
	for id, at := range places {
		counts[id] = len(at)
	}
	return counts
}
