package recording

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestCheckFindsEachViolation(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		rule, what string
		happens    func(h *history)
	}{
		"finalized twice": {FinalizeOnce, "run 1 was finalized twice: as completed by change 19, as failed by change 24", func(h *history) {
			life(h)
			h.run(3, row{"workflow_id": "other"})
			h.run(1, row{"state": "failed"})
		}},
		"finalized again with the same state": {FinalizeOnce, "run 1 was finalized twice: as completed", func(h *history) {
			life(h)
			h.finalize(1, "completed")
		}},
		"paused after the outcome": {FinalizeOnce, "run 1 was paused or resumed after it was finalized as completed by change 19", func(h *history) {
			life(h)
			h.run(1, row{"pause_number": 3, "paused_at": "2026-01-01T12:00:00Z"})
		}},
		"published without an outcome": {FinalizeOnce, "run 2 has a published outcome and is not finalized", func(h *history) {
			life(h)
			h.run(2, row{"published_at": "2026-01-01T12:00:00Z"})
		}},
		"moved to another execution": {FinalizeOnce, "run 2 belongs to another execution", func(h *history) {
			life(h)
			h.run(2, row{"first_run_id": "third"})
		}},
		"deleted while open": {FinalizeOnce, "run 2 was deleted in state running", func(h *history) {
			life(h)
			h.remove("sync_runs", "2")
		}},
		"two open runs": {OneOpenRun, "run 3 of full-sync-2 began while its run 2 was open", func(h *history) {
			life(h)
			h.run(3, row{"workflow_id": "full-sync-2", "pass": 2})
		}},
		"a late writer stores its page": {CursorCAS, "the cursor of run 2 in raw.st_jobs was at page 2 of the listing; a writer that read it at page 0 moved it", func(h *history) {
			life(h)
			h.page(2, 0)
			h.page(2, 1)
			h.page(2, 0)
		}},
		"a page stored twice": {CursorCAS, "page 1 of run 2 in raw.st_jobs was stored twice", func(h *history) {
			life(h)
			h.page(2, 0)
			h.set("sync_cursors", "2", row{"version": 2, "pages": 2})
		}},
		"a cursor without a new version": {CursorCAS, "the cursor of run 2 in raw.st_jobs changed without a new version, which is 0", func(h *history) {
			life(h)
			h.set("sync_cursors", "2", row{"cursor": row{"token": "x"}})
		}},
		"a version that goes back": {CursorCAS, "the version of the cursor of run 2 in raw.st_jobs went from 1 to 0", func(h *history) {
			life(h)
			h.page(2, 0)
			h.set("sync_cursors", "2", row{"version": 0})
		}},
		"a cursor after its end": {CursorCAS, "the cursor of run 2 in raw.st_jobs moved after it was completed", func(h *history) {
			life(h)
			h.set("sync_cursors", "2", row{"version": 1, "status": "completed"})
			h.set("sync_cursors", "2", row{"version": 2})
		}},
		"fewer pages": {CursorCAS, "the cursor of run 2 in raw.st_jobs went from 1 pages to 0", func(h *history) {
			life(h)
			h.page(2, 0)
			h.set("sync_cursors", "2", row{"version": 2, "pages": 0})
		}},
		"a page after the outcome": {CursorCAS, "cursor of raw.st_jobs moved for run 2 after it was finalized as cancelled by change 24", func(h *history) {
			life(h)
			h.page(2, 0)
			h.finalize(2, "cancelled")
			h.page(2, 1)
		}},
		"a cursor opened after the outcome": {CursorCAS, "cursor of raw.st_jobs opened for run 3 after it was finalized as failed", func(h *history) {
			life(h)
			h.run(3, row{"workflow_id": "other"})
			h.finalize(3, "failed")
			h.openCursor(3, nil)
		}},
		"a cursor without a run": {CursorCAS, "cursor of raw.st_jobs opened for run 5, which does not exist", func(h *history) {
			h.openCursor(5, nil)
		}},
		"rows without their cursor": {PageWhole, "50 rows of st_jobs were written for run 2 in a transaction that did not move its cursor", func(h *history) {
			life(h)
			h.add("st_jobs", "rows", nil, row{"run_number": 2, "rows": 50})
			h.page(2, 0)
		}},
		"two readers": {OneReader, "run 3 began to read raw.st_jobs while run 2 was reading it", func(h *history) {
			life(h)
			h.run(3, row{"workflow_id": "other", "mode": "rebuild"})
			h.openCursor(3, nil)
		}},
		"a resume point over an incremental's": {ResumePoint, "full run 2 moved the resume point of tenant 7 raw.st_jobs from version 1, and had read version 0", func(h *history) {
			life(h)
			h.set("sync_cursors", "2", row{"version": 1, "status": "completed"})
			h.same().set("sync_state", "jobs", row{"resume_token": "older", "resume_version": 2})
		}},
		"a resume point that skips a version": {ResumePoint, "the version of the resume point of tenant 7 raw.st_jobs went from 1 to 3", func(h *history) {
			life(h)
			h.page(2, 0)
			h.same().set("sync_state", "jobs", row{"resume_token": "x", "resume_version": 3})
		}},
		"a resume point of a rebuild": {ResumePoint, "rebuild run 3 moved the resume point of tenant 7 raw.st_jobs", func(h *history) {
			life(h)
			h.finalize(2, "failed")
			h.run(3, row{"workflow_id": "other", "mode": "rebuild"})
			h.openCursor(3, nil)
			h.page(3, 0)
			h.same().set("sync_state", "jobs", row{"resume_token": "x", "resume_version": 2})
		}},
		"a resume point without a page": {ResumePoint, "the resume point of tenant 7 raw.st_jobs moved in a transaction that moved no cursor", func(h *history) {
			life(h)
			h.set("sync_state", "jobs", row{"resume_token": "x", "resume_version": 2})
		}},
		"a resume point without a version": {ResumePoint, "the resume point of tenant 7 raw.st_jobs changed without a new version, which is 1", func(h *history) {
			life(h)
			h.set("sync_state", "jobs", row{"resume_token": "x"})
		}},
		"a request served twice": {RequestServed, "request request-1 had its outcome in run 1, which change 19 finalized as completed, and was given to run 2", func(h *history) {
			life(h)
			h.request("request-1", row{"run_number": 2})
		}},
		"a request taken from a run": {RequestServed, "request request-2 was served by run 2 and given to run 3, which is no withdrawal", func(h *history) {
			life(h)
			h.request("request-2", row{"run_number": nil})
			h.request("request-2", row{"run_number": 2})
			h.run(3, row{"workflow_id": "other"})
			h.request("request-2", row{"run_number": 3})
		}},
		"a request given to a finished run": {RequestServed, "request request-2 was given to run 1 after that was finalized as completed by change 19", func(h *history) {
			life(h)
			h.request("request-2", nil)
			h.request("request-2", row{"run_number": 1})
		}},
		"a request accepted twice": {RequestServed, "request request-1 was accepted by execution first and then by second", func(h *history) {
			life(h)
			h.request("request-1", row{"first_run_id": "second"})
		}},
		"a request that is received again": {RequestServed, "request request-1 was accepted and is received again", func(h *history) {
			life(h)
			h.request("request-1", row{"state": "received"})
		}},
		"a request given to no run": {RequestServed, "request request-2 was given to run 9, which does not exist", func(h *history) {
			h.request("request-2", nil)
			h.request("request-2", row{"run_number": 9})
		}},
		"a request deleted": {RequestServed, "request request-2 was deleted without an outcome", func(h *history) {
			life(h)
			h.request("request-2", nil)
			h.remove("sync_requests", "request-2")
		}},
		"a control settled twice": {ControlOnce, "was settled twice: applied by change 9, rejected by change 23", func(h *history) {
			life(h)
			h.settle(events.RequestID("/tests", "pause"), "rejected")
		}},
		"a control that is pending again": {ControlOnce, "control c was rejected and is pending again without a later message", func(h *history) {
			h.record("c", "pause", 5)
			h.settle("c", "rejected")
			h.settle("c", "pending")
		}},
		"a control deleted": {ControlOnce, "control c was deleted while it was pending", func(h *history) {
			h.record("c", "pause", 5)
			h.remove("sync_controls", "c")
		}},
		"controls settled in another order": {ControlOrder, "control one (pause) was applied after control two (resume), which is later in the stream", func(h *history) {
			h.record("one", "pause", 1)
			h.record("two", "resume", 2)
			h.settle("two", "applied")
			h.settle("one", "applied")
		}},
		"controls applied in another order": {ControlOrder, "(resume) took effect after control", func(h *history) {
			h.run(1, nil)
			h.control("one", "pause", 1)
			h.control("two", "resume", 2)
			h.control("three", "pause", 3)
			h.announce(1, 1, "pause", "three")
			h.announce(1, 2, "resume", "two")
			h.announce(1, 3, "pause", "one")
		}},
		"a control left out": {ControlOrder, "(resume) was accepted and had no effect, and the later control", func(h *history) {
			h.run(1, nil)
			h.control("one", "pause", 1)
			h.control("two", "resume", 2)
			h.control("three", "pause", 3)
			h.control("four", "resume", 4)
			h.announce(1, 1, "pause", "one")
			h.announce(1, 2, "resume", "four")
		}},
		"an effect before its control": {ControlOrder, "sync.paused was published before its control", func(h *history) {
			h.run(1, nil)
			h.announce(1, 1, "pause", "one")
			h.control("one", "pause", 1)
		}},
		"a pause after a pause": {ControlOrder, "run 1 was paused twice or resumed twice in succession: pauses 1 and 2", func(h *history) {
			h.run(1, nil)
			h.run(1, row{"pause_number": 1, "paused_at": "2026-01-01T12:00:00Z"})
			h.run(1, row{"pause_number": 2, "paused_at": "2026-01-01T12:00:01Z"})
		}},
		"an earlier pause recorded": {ControlOrder, "run 1 went from pause 2 back to 1", func(h *history) {
			h.run(1, nil)
			h.run(1, row{"pause_number": 2})
			h.run(1, row{"pause_number": 1, "paused_at": "2026-01-01T12:00:00Z"})
		}},
		"the effect of another control": {ControlOrder, "sync.paused is the effect of control", func(h *history) {
			h.run(1, nil)
			h.control("one", "resume", 1)
			h.announce(1, 1, "pause", "one")
		}},
		"an outcome before the ledger has it": {EventAgrees, "the outcome of run 2 was published before the ledger had it", func(h *history) {
			life(h)
			h.events = append(h.events, Event{
				Stored: h.now, Subject: "sync.failed", ID: "x",
				Data: encoded(row{"runNumber": 2, "workflowId": "full-sync-2", "runId": "second", "results": []any{}}),
			})
			h.finalize(2, "failed")
		}},
		"another outcome than the ledger's": {EventAgrees, "the outcome of run 1 is failed in the event, completed in the ledger", func(h *history) {
			life(h)
			h.outcome(1, "failed")
		}},
		"other results than the ledger's": {EventAgrees, "the results of run 1 differ between the event and the ledger", func(h *history) {
			life(h)
			h.publish("sync.completed", "x", runData(1, row{"results": []any{row{"entity": "jobs", "status": "completed"}}}))
		}},
		"a start before the ledger has it": {EventAgrees, "run 1 was announced before it began in the ledger", func(h *history) {
			h.publish("sync.started", "x", runData(1, nil))
			h.run(1, nil)
		}},
		"a run that never was": {EventAgrees, "sync.started names run 9, which the ledger never had", func(h *history) {
			h.publish("sync.started", "x", runData(9, nil))
		}},
		"a run of another workflow": {EventAgrees, "sync.started names run 2 of full-sync-1 first, which is of full-sync-2 second in the ledger", func(h *history) {
			life(h)
			h.publish("sync.started", "x", runData(2, nil))
		}},
		"an answer before the ledger": {EventAgrees, "request request-2 was answered as accepted before the ledger had it as accepted", func(h *history) {
			h.request("request-2", nil)
			h.publish("sync.accepted", "x", row{"kind": "request", "requestId": "request-2"})
			h.request("request-2", row{"state": "accepted"})
		}},
		"a duplicate with another outcome": {EventAgrees, "request request-1 was answered with the outcome com.lazi.sync.failed.v1 of run 1, which the ledger did not have", func(h *history) {
			life(h)
			h.publish("sync.accepted", "x", row{"kind": "request", "requestId": "request-1", "duplicate": true, "outcome": row{"type": "com.lazi.sync.failed.v1", "runNumber": 1}})
		}},
		"a control answered too early": {EventAgrees, "was answered as accepted before the ledger had it as applied", func(h *history) {
			h.record("c", "pause", 1)
			h.publish("sync.accepted", "x", row{"kind": "control", "requestId": "c"})
			h.settle("c", "applied")
		}},
		"a control rejected too early": {EventAgrees, "control c was answered as rejected before the ledger had it as rejected", func(h *history) {
			h.record("c", "pause", 1)
			h.publish("sync.rejected", "x", row{"kind": "control", "requestId": "c", "code": "UNKNOWN_RUN"})
			h.settle("c", "rejected")
		}},
		"a pause that was not recorded": {EventAgrees, "sync.paused 4 of run 2 was published before the ledger had it", func(h *history) {
			life(h)
			h.publish("sync.paused", "second/1/com.lazi.sync.paused.v1/4", row{"runNumber": 2, "workflowId": "full-sync-2", "runId": "second"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory()
			one.happens(h)
			found, err := Check(h.changes, h.events)
			require.NoError(t, err)
			require.NotEmpty(t, found)
			require.Equal(t, one.rule, found[0].Rule)
			require.Contains(t, found[0].What, one.what)
			require.Equal(t, 1, strings.Count("\n"+found[0].Window, "\n  > "), "one line is marked:\n%s", found[0].Window)
		})
	}
}
