package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/lazi/lazisync/dev/stack"
	"github.com/lazi/lazisync/dev/temporalserver"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/commands"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/legacy"
	"github.com/lazi/lazisync/internal/simulator"
	"github.com/lazi/lazisync/workflows"
)

// deployment is lazisync, with all its roles, and its own servers.
type deployment struct {
	dir      string
	server   *temporalserver.Server
	stack    *stack.Stack
	cfg      *config.Config
	latest   string // ID of the latest request
	temporal client.Client

	cancel context.CancelFunc
	ended  chan error // receives the result of lazisync
}

func newDeployment(ctx context.Context, continueAsNewAfter int, environ ...string) (_ *deployment, err error) {
	w := &deployment{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.stop())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "lazisync-record-"); err != nil {
		return nil, err
	}
	if w.server, err = temporalserver.Start(ctx, temporalserver.Options{
		File: filepath.Join(w.dir, "temporal.db"), ContinueAsNewAfter: continueAsNewAfter, Unsafe: true, Log: zerolog.Nop(),
	}); err != nil {
		return nil, err
	}
	if w.stack, err = stack.Start(ctx, stack.Options{
		Dir: filepath.Join(w.dir, "stack"), FreePorts: true, Unsafe: true, Log: zerolog.Nop(),
		Simulator: simulator.Options{Seed: 1, RecordsPerEntity: 400, ExportPageSize: pageSize, RequestsPerSecond: -1},
		Environ: append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TEMPORAL_ADDRESS=" + w.server.Addr(),
			"SYNC_SCHEDULE_INCREMENTAL=0 0 1 1 *", "SYNC_SCHEDULE_FULL=off", // runs only when it is triggered
		}, environ...),
	}); err != nil {
		return nil, err
	}
	return w, w.serve(ctx)
}

// serve runs lazisync as it is released: its workers write the histories.
func (w *deployment) serve(ctx context.Context) (err error) {
	if w.cfg, err = app.Load(w.stack.Environ(), app.ServeRole); err != nil {
		return err
	}
	if err := commands.Migrate(ctx, w.cfg, cli.MigrateOptions{}, zerolog.Nop(), io.Discard); err != nil {
		return err
	}
	if w.temporal, err = client.Dial(client.Options{
		HostPort: w.server.Addr(), Namespace: temporalserver.Namespace,
		Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}); err != nil {
		return err
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel, w.ended = cancel, make(chan error, 1)
	started := make(chan struct{})
	go func() {
		w.ended <- app.Run(serving, w.cfg, app.ServeRole, zerolog.Nop(), func(app.Started) { close(started) })
	}()
	select {
	case <-started:
		return nil
	case err := <-w.ended:
		w.ended <- err
		return fmt.Errorf("lazisync ended early: %w", err)
	}
}

func (w *deployment) stop() (err error) {
	if w.cancel != nil {
		w.cancel()
		err = <-w.ended
	}
	if w.temporal != nil {
		w.temporal.Close()
	}
	if w.stack != nil {
		err = errors.Join(err, w.stack.Stop())
	}
	if w.server != nil {
		err = errors.Join(err, w.server.Stop())
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

func (w *deployment) simulator() *simulator.Simulator { return w.stack.Simulator }
func (w *deployment) tenant() events.TenantID         { return w.cfg.Tenants[0].ID }

// request publishes a request and returns the ID of the workflow that serves it, once that runs.
func (w *deployment) request(ctx context.Context, mode events.Mode) (workflowID string, err error) {
	o := cli.RequestOptions{Mode: string(mode)}
	if mode.Info().OneEntity {
		o.Entities = []string{"customers"}
	}
	return w.requestOf(ctx, o)
}

// requestOf is request with other options.
func (w *deployment) requestOf(ctx context.Context, o cli.RequestOptions) (workflowID string, err error) {
	o.ID = uuid.NewString()
	w.latest = events.RequestID(cli.Source, o.ID)
	if err := cli.Request(ctx, commands.Backends(w.cfg), w.cfg, o, io.Discard); err != nil {
		return "", err
	}
	workflowID = events.Mode(o.Mode).WorkflowID(w.tenant(), w.latest)
	return workflowID, await(ctx, func() (bool, error) {
		described, err := w.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
		return err == nil && described.GetWorkflowExecutionInfo().GetCloseTime() == nil, nil
	})
}

// startLegacy starts a legacy workflow as its callers do, and returns its ID and that of the
// workflow that serves its request.
func (w *deployment) startLegacy(ctx context.Context, name string) (id, serving string, err error) {
	id = "nightly-" + uuid.NewString()
	run, err := w.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: w.cfg.Temporal.TaskQueue}, name,
		map[string]any{"entities": []string{"customers", "jobs"}, "notify": false})
	if err != nil {
		return "", "", err
	}
	if name == legacy.IncrementalSync {
		return id, workflows.IncrementalSyncID(w.tenant()), nil
	}
	return id, workflows.FullSyncID(events.RequestID(legacy.SourcePrefix+run.GetRunID(), id)), nil
}

// control sends a control to a workflow or a request.
func (w *deployment) control(ctx context.Context, action, id string) error {
	var answer strings.Builder
	if err := cli.Control(ctx, commands.Backends(w.cfg), action, id, "for the record", &answer); err != nil {
		return fmt.Errorf("%s %s: %w%s", action, id, err, answer.String())
	}
	return nil
}

// trigger triggers a schedule and returns the ID of the workflow that it starts.
func (w *deployment) trigger(ctx context.Context, schedule string) (workflowID string, err error) {
	handle := w.temporal.ScheduleClient().GetHandle(ctx, schedule)
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return "", fmt.Errorf("trigger %s: %w", schedule, err)
	}
	return workflowID, await(ctx, func() (bool, error) {
		described, err := handle.Describe(ctx)
		if err != nil || len(described.Info.RecentActions) == 0 || described.Info.RecentActions[0].StartWorkflowResult == nil {
			return false, err
		}
		workflowID = described.Info.RecentActions[0].StartWorkflowResult.WorkflowID
		return true, nil
	})
}

func (w *deployment) awaitPages(ctx context.Context, n int) error {
	return await(ctx, func() (bool, error) {
		pages := 0
		for _, e := range w.simulator().Stats().Entities {
			pages += e.ExportCalls
		}
		return pages >= n, nil
	})
}

func (w *deployment) awaitPaused(ctx context.Context, workflowID string) error {
	return w.awaitProgress(ctx, workflowID, func(p ledger.Progress) bool { return p.Paused })
}

func (w *deployment) awaitProgress(ctx context.Context, workflowID string, so func(ledger.Progress) bool) error {
	return await(ctx, func() (bool, error) {
		answer, err := w.temporal.QueryWorkflow(ctx, workflowID, "", workflows.QueryProgress)
		if err != nil {
			return false, err
		}
		var p ledger.Progress
		err = answer.Get(&p)
		return so(p), err
	})
}

// awaitIdle returns when the latest execution of a workflow waits for a signal or a timer.
func (w *deployment) awaitIdle(ctx context.Context, workflowID string) error {
	return await(ctx, func() (bool, error) {
		described, err := w.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
		return err == nil && len(described.GetPendingActivities()) == 0 && described.GetPendingWorkflowTask() == nil, err
	})
}

// awaitClosed returns when the workflow has ended with any result.
func (w *deployment) awaitClosed(ctx context.Context, workflowID string) error {
	_ = w.temporal.GetWorkflow(ctx, workflowID, "").Get(ctx, nil) // a cancelled one returns an error
	return ctx.Err()
}

// await polls until ready returns true.
func await(ctx context.Context, so func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := so(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
