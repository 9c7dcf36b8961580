package main

import (
	"context"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/legacy"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/workflows"
)

// recording runs a workflow to its end and returns the workflow's ID.
type recording struct {
	name string
	run  func(ctx context.Context, w *deployment) (workflowID string, err error)
}

// slow is the duration of a page where a recording acts in the middle of a run.
const slow = 300 * time.Millisecond

// pageSize is the number of records in a page of an export feed.
const pageSize = 50

// short are the recordings with short histories. The first one is the full sync that incremental
// syncs need.
var short = []recording{
	{"FullSync-completed", full(nil)},
	{"FullSync-paused-and-resumed", full(pauseAndResume)},
	{"FullSync-cancelled", full(func(ctx context.Context, w *deployment, id string) error { return w.control(ctx, "cancel", id) })},
	{"FullSync-cancelled-in-temporal", full(func(ctx context.Context, w *deployment, id string) error {
		return w.temporal.CancelWorkflow(ctx, id, "")
	})},
	{"FullSync-entity-failed", func(ctx context.Context, w *deployment) (string, error) {
		if err := w.simulator().AddFault(simulator.Fault{Kind: "403", Entity: "jobs", Count: -1}); err != nil {
			return "", err
		}
		return full(nil)(ctx, w)
	}},
	{"FullSync-busy", busy(events.Full)},
	{"Rebuild-completed", rebuild(nil)},
	{"Rebuild-paused-and-resumed", rebuild(pauseAndResume)},
	{"Rebuild-cancelled", rebuild(func(ctx context.Context, w *deployment, id string) error { return w.control(ctx, "cancel", id) })},
	{"Rebuild-cancelled-in-temporal", rebuild(func(ctx context.Context, w *deployment, id string) error {
		return w.temporal.CancelWorkflow(ctx, id, "")
	})},
	{"Rebuild-entity-failed", func(ctx context.Context, w *deployment) (string, error) {
		if err := w.simulator().AddFault(simulator.Fault{Kind: "403", Entity: "customers", Count: -1}); err != nil {
			return "", err
		}
		return rebuild(nil)(ctx, w)
	}},
	{"Rebuild-busy", busy(events.Rebuild)},
	{"Verify-completed", verify(nil)},
	{"Verify-paused-and-resumed", verify(pauseAndResume)},
	{"Verify-cancelled", verify(func(ctx context.Context, w *deployment, id string) error { return w.control(ctx, "cancel", id) })},
	{"IncrementalSync-completed", incremental(nil)},
	{"IncrementalSync-two-passes", incremental(func(ctx context.Context, w *deployment, _ string) error {
		_, err := w.request(ctx, events.Incremental)
		return err
	})},
	{"IncrementalSync-paused-and-resumed", incremental(pauseAndResume)},
	{"IncrementalSync-cancelled", incremental(func(ctx context.Context, w *deployment, id string) error { return w.control(ctx, "cancel", id) })},
	{"IncrementalSync-held-by-a-pause", incremental(heldByPause)},
	{"IncrementalSync-refreshed", func(ctx context.Context, w *deployment) (string, error) {
		w.simulator().SetPace(slow)
		id, err := w.requestOf(ctx, cli.RequestOptions{Mode: string(events.Incremental), Entities: []string{"customers"}, IDs: []events.RecordID{"1"}})
		if err != nil {
			return "", err
		}
		return id, w.awaitClosed(ctx, id)
	}},
	{"ScheduledSync-completed", scheduled},
	{"fullSyncWorkflow-completed", legacyCase(legacy.FullSync, nil)},
	{"fullSyncWorkflow-paused-and-resumed", legacyCase(legacy.FullSync, signalled)},
	{"fullSyncWorkflow-cancelled-in-temporal", legacyCase(legacy.FullSync, func(ctx context.Context, w *deployment, id, _ string) error {
		return w.temporal.CancelWorkflow(ctx, id, "")
	})},
	{"incrementalSyncWorkflow-completed", legacyCase(legacy.IncrementalSync, nil)},
	{"incrementalSyncWorkflow-paused-and-resumed", legacyCase(legacy.IncrementalSync, signalled)},
}

// continued are the recordings on a server that suggests continue-as-new after a few events: a
// workflow continues as new before its next slice or pass.
var continued = []recording{
	{"FullSync-continued", full(pauseAndResume)},
	{"Rebuild-continued", rebuild(pauseAndResume)},
	{"Verify-continued", verify(pauseAndResume)},
	{"IncrementalSync-continued", incremental(nil)},
	{"IncrementalSync-continued-paused", incremental(pauseAndResume)},
	{"IncrementalSync-continued-while-paused", incremental(requestedWhilePaused)},
	{"ScheduledSync-continued", scheduled},
	{"fullSyncWorkflow-continued", legacyCase(legacy.FullSync, signalled)},
	{"incrementalSyncWorkflow-continued", legacyCase(legacy.IncrementalSync, signalled)},
}

// bounded are the recordings with a minimum interval between incremental passes.
var bounded = []recording{
	{"IncrementalSync-minimum-interval", func(ctx context.Context, w *deployment) (string, error) {
		if _, err := full(nil)(ctx, w); err != nil {
			return "", err
		}
		w.simulator().ResetStats()
		return incremental(func(ctx context.Context, w *deployment, _ string) error {
			_, err := w.request(ctx, events.Incremental)
			return err
		})(ctx, w)
	}},
}

// full records a full sync and calls middle during it.
func full(middle func(ctx context.Context, w *deployment, id string) error) func(context.Context, *deployment) (string, error) {
	return during(events.Full, 8, middle)
}

// rebuild records a rebuild of the customers and calls middle during it.
func rebuild(middle func(ctx context.Context, w *deployment, id string) error) func(context.Context, *deployment) (string, error) {
	return during(events.Rebuild, 3, middle)
}

// verify records a verify and calls middle during it.
func verify(middle func(ctx context.Context, w *deployment, id string) error) func(context.Context, *deployment) (string, error) {
	return during(events.Verify, 8, middle)
}

// incremental records an incremental sync that finds a few pages of changes.
func incremental(middle func(ctx context.Context, w *deployment, id string) error) func(context.Context, *deployment) (string, error) {
	run := during(events.Incremental, 2, middle)
	return func(ctx context.Context, w *deployment) (string, error) {
		for range 3 * pageSize {
			if _, err := w.simulator().Create("customers"); err != nil {
				return "", err
			}
		}
		return run(ctx, w)
	}
}

func during(mode events.Mode, pages int, middle func(ctx context.Context, w *deployment, id string) error) func(context.Context, *deployment) (string, error) {
	return func(ctx context.Context, w *deployment) (string, error) {
		if middle != nil {
			w.simulator().SetPace(slow)
		}
		id, err := w.request(ctx, mode)
		if err != nil {
			return "", err
		}
		if middle != nil {
			if err := w.awaitPages(ctx, pages); err != nil {
				return "", err
			}
			if err := middle(ctx, w, id); err != nil {
				return "", err
			}
		}
		return id, w.awaitClosed(ctx, id)
	}
}

func pauseAndResume(ctx context.Context, w *deployment, id string) error {
	if err := w.control(ctx, "pause", id); err != nil {
		return err
	}
	if err := w.awaitPaused(ctx, id); err != nil {
		return err
	}
	return w.control(ctx, "resume", id)
}

// requestedWhilePaused requests syncs during a pause. Each wakes the workflow, whose history gets long.
func requestedWhilePaused(ctx context.Context, w *deployment, id string) error {
	if err := w.control(ctx, "pause", id); err != nil {
		return err
	}
	if err := w.awaitPaused(ctx, id); err != nil {
		return err
	}
	if err := w.awaitIdle(ctx, id); err != nil {
		return err
	}
	for range 5 {
		if _, err := w.request(ctx, events.Incremental); err != nil {
			return err
		}
	}
	return w.control(ctx, "resume", id)
}

// heldByPause withdraws the only request of a paused pass: the pause continues without it.
func heldByPause(ctx context.Context, w *deployment, id string) error {
	if err := w.control(ctx, "pause", id); err != nil {
		return err
	}
	if err := w.awaitPaused(ctx, id); err != nil {
		return err
	}
	if err := w.control(ctx, "cancel", w.latest); err != nil {
		return err
	}
	if err := w.awaitProgress(ctx, id, func(p ledger.Progress) bool { return p.RunNumber == 0 }); err != nil {
		return err
	}
	if err := w.awaitIdle(ctx, id); err != nil { // the workflow has looked for queued requests
		return err
	}
	return w.control(ctx, "resume", id)
}

// busy records the second of two full syncs of the same entities, or a rebuild of one of them.
func busy(mode events.Mode) func(context.Context, *deployment) (string, error) {
	return func(ctx context.Context, w *deployment) (string, error) {
		w.simulator().SetPace(slow)
		if _, err := w.request(ctx, events.Full); err != nil {
			return "", err
		}
		if err := w.awaitPages(ctx, 4); err != nil {
			return "", err
		}
		id, err := w.request(ctx, mode)
		if err != nil {
			return "", err
		}
		return id, w.awaitClosed(ctx, id)
	}
}

// scheduled triggers the schedule of the incremental sync.
func scheduled(ctx context.Context, w *deployment) (string, error) {
	w.simulator().SetPace(slow)
	id, err := w.trigger(ctx, workflows.ScheduleID(events.Incremental, w.tenant(), ""))
	if err != nil {
		return "", err
	}
	return id, w.awaitClosed(ctx, id)
}

// legacyCase records a legacy workflow. middle, if not nil, runs while the workflow serving serves
// the request of the legacy workflow id.
func legacyCase(name string, middle func(ctx context.Context, w *deployment, id, serving string) error) func(context.Context, *deployment) (string, error) {
	return func(ctx context.Context, w *deployment) (string, error) {
		for range 3 * pageSize {
			if _, err := w.simulator().Create("customers"); err != nil {
				return "", err
			}
		}
		w.simulator().SetPace(slow)
		id, serving, err := w.startLegacy(ctx, name)
		if err != nil {
			return "", err
		}
		if middle != nil {
			if err := w.awaitPages(ctx, 2); err != nil {
				return "", err
			}
			if err := middle(ctx, w, id, serving); err != nil {
				return "", err
			}
		}
		return id, w.awaitClosed(ctx, id)
	}
}

// signalled pauses and resumes by signals to the legacy workflow.
func signalled(ctx context.Context, w *deployment, id, serving string) error {
	if err := w.temporal.SignalWorkflow(ctx, id, "", workflows.SignalPause, "for the record"); err != nil {
		return err
	}
	if err := w.awaitPaused(ctx, serving); err != nil {
		return err
	}
	return w.temporal.SignalWorkflow(ctx, id, "", workflows.SignalResume, nil)
}
