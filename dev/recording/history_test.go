package recording

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lazi/lazisync/events"
)

// history is a recording that a test writes by hand. Each change is a transaction of its own, unless same
// is called before, and a second after the last.
type history struct {
	changes []Change
	events  []Event
	rows    map[string]row
	now     time.Time
	tx      int64
	joins   bool // the next change belongs to the transaction of the last
}

type row map[string]any

func newHistory() *history {
	return &history{rows: map[string]row{}, now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
}

// same makes the next change part of the transaction of the last one.
func (h *history) same() *history {
	h.joins = true
	return h
}

// set inserts or updates a row: what is not in columns stays as it is.
func (h *history) set(table, key string, columns row) {
	op, before := "insert", h.rows[table+key]
	after := row{}
	if before != nil {
		op = "update"
		for name, value := range before {
			after[name] = value
		}
	}
	for name, value := range columns {
		after[name] = value
	}
	h.rows[table+key] = after
	h.add(table, op, before, after)
}

func (h *history) remove(table, key string) {
	h.add(table, "delete", h.rows[table+key], nil)
	delete(h.rows, table+key)
}

func (h *history) add(table, op string, before, after row) {
	if !h.joins {
		h.tx++
	}
	h.joins = false
	h.now = h.now.Add(time.Second)
	h.changes = append(h.changes, Change{
		Number: int64(len(h.changes) + 1), At: h.now, Tx: h.tx, Process: "lazisync worker", PID: 100, Table: table, Op: op,
		Before: encoded(before), After: encoded(after),
	})
}

func encoded(r row) json.RawMessage {
	if r == nil {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return text
}

// publish adds an event a second after the last change or event.
func (h *history) publish(subject, id string, data row) {
	h.now = h.now.Add(time.Second)
	h.events = append(h.events, Event{
		Stored: h.now, Sequence: uint64(len(h.events) + 1), Subject: subject, ID: id, Source: "/tests", Data: encoded(data),
	})
}

// The rows of the tests.
const fullID = "full-sync-1"

func (h *history) run(number int, columns row) {
	all := row{"run_number": number, "tenant_id": 7, "state": "running"}
	if h.rows["sync_runs"+fmt.Sprint(number)] == nil {
		all["mode"], all["workflow_id"], all["first_run_id"], all["pass"], all["pause_number"] = "full", fullID, "first", 1, 0
	} else {
		delete(all, "state")
	}
	for name, value := range columns {
		all[name] = value
	}
	h.set("sync_runs", fmt.Sprint(number), all)
}

func (h *history) finalize(number int, state string) {
	h.run(number, row{"state": state, "finished_at": h.now.Format(time.RFC3339), "results": []any{}})
}

// page moves the cursor of a run in raw.st_jobs, from the page that a writer had read.
func (h *history) page(number, from int) {
	key := fmt.Sprint(number)
	is := h.rows["sync_cursors"+key]
	h.set("sync_cursors", key, row{
		"version": is["version"].(int) + 1, "pages": is["pages"].(int) + 1,
		"cursor": row{"token": fmt.Sprint("token", from+1), "trail": row{"steps": from + 1}},
	})
}

func (h *history) openCursor(number int, columns row) {
	all := row{"run_number": number, "table_name": "raw.st_jobs", "version": 0, "pages": 0, "status": "", "phase": "reading", "base_version": 0, "cursor": row{"feed": "export"}}
	for name, value := range columns {
		all[name] = value
	}
	h.set("sync_cursors", fmt.Sprint(number), all)
}

func (h *history) request(id string, columns row) {
	all := row{"request_id": id, "workflow_id": fullID}
	if h.rows["sync_requests"+id] == nil {
		all["state"], all["first_run_id"], all["run_number"] = "received", "", nil
	}
	for name, value := range columns {
		all[name] = value
	}
	h.set("sync_requests", id, all)
}

// command publishes a control and returns its ID; record records it as pending.
func (h *history) command(id, action string) string {
	h.publish("sync.control", id, row{"action": action, "workflowId": fullID, "reason": "because of " + id})
	return events.RequestID("/tests", id)
}

func (h *history) record(id, action string, sequence int) {
	h.set("sync_controls", id, row{"control_id": id, "action": action, "workflow_id": fullID, "sequence": sequence, "state": "pending"})
}

func (h *history) settle(id, state string) {
	h.set("sync_controls", id, row{"state": state, "applied_workflow_id": fullID})
}

// control publishes, records and applies a control.
func (h *history) control(id, action string, sequence int) {
	of := h.command(id, action)
	h.record(of, action, sequence)
	h.settle(of, "applied")
}

// announce records a pause or resume of a run, and publishes it with the reason of a control.
func (h *history) announce(number, ordinal int, action, control string) {
	paused, subject := any(nil), "sync.resumed"
	if action == "pause" {
		paused, subject = "2026-01-01T12:00:00Z", "sync.paused"
	}
	h.run(number, row{"pause_number": ordinal, "paused_at": paused})
	h.publish(subject, fmt.Sprintf("first/1/com.lazi.%s.v1/%d", subject, ordinal), runData(number, row{"reason": "because of " + control}))
}

func runData(number int, further row) row {
	all := row{"runNumber": number, "workflowId": fullID, "runId": "first", "tenantId": "7", "mode": "full"}
	for name, value := range further {
		all[name] = value
	}
	return all
}

func (h *history) outcome(number int, state string) {
	h.publish("sync."+state, fmt.Sprintf("first/1/com.lazi.sync.%s.v1", state), runData(number, row{"results": []any{}}))
}

// life is the usual history of a full request, with a pause, and another one for the same entity.
func life(h *history) {
	h.request("request-1", nil)
	h.request("request-1", row{"state": "accepted", "first_run_id": "first"})
	h.publish("sync.accepted", "a", row{"kind": "request", "requestId": "request-1", "workflowId": fullID})
	h.run(1, nil)
	h.same().request("request-1", row{"run_number": 1})
	h.publish("sync.started", "first/1/com.lazi.sync.started.v1", runData(1, nil))
	h.openCursor(1, nil)
	h.add("st_jobs", "rows", nil, row{"run_number": 1, "rows": 50})
	h.same().page(1, 0)
	h.control("pause", "pause", 1)
	h.announce(1, 1, "pause", "pause")
	h.control("resume", "resume", 2)
	h.announce(1, 2, "resume", "resume")
	h.add("st_jobs", "rows", nil, row{"run_number": 1, "rows": 50})
	h.same().page(1, 1)
	h.set("sync_state", "jobs", row{"tenant_id": 7, "table_name": "raw.st_jobs", "resume_token": "", "resume_version": 0})
	h.set("sync_cursors", "1", row{"version": 3, "pages": 3, "status": "completed", "cursor": row{"token": "end"}})
	h.same().set("sync_state", "jobs", row{"resume_token": "end", "resume_version": 1})
	h.finalize(1, "completed")
	h.outcome(1, "completed")
	h.run(1, row{"published_at": "2026-01-01T12:30:00Z"})
	h.publish("sync.accepted", "b", row{
		"kind": "request", "requestId": "request-1", "workflowId": fullID, "duplicate": true,
		"outcome": row{"type": "com.lazi.sync.completed.v1", "runNumber": 1},
	})
	h.run(2, row{"workflow_id": "full-sync-2", "first_run_id": "second"})
	h.openCursor(2, nil)
}
