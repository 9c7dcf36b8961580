package temporal

import (
	"context"
	"fmt"
	"slices"

	"go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/lazi/lazisync/internal/ledger"
)

// A RetriedActivity is an activity of a running workflow that keeps failing.
type RetriedActivity struct {
	WorkflowID string
	Type       string // of the activity
	Attempts   int32
	LastError  string
}

const (
	manyAttempts = 5  // about 15 seconds of them
	describedMax = 50 // workflows
)

// RetriedActivities returns the activities of the given types that have failed several times
// in the newest running workflows on the task queue.
func (c *Client) RetriedActivities(ctx context.Context, types ...string) ([]RetriedActivity, error) {
	running, _, err := c.Workflows(ctx, ledger.WorkflowRunning, describedMax, "")
	if err != nil {
		return nil, err
	}
	var retried []RetriedActivity
	for _, w := range running {
		described, err := c.sdk.DescribeWorkflowExecution(ctx, w.WorkflowID, w.RunID)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("describe workflow %q: %w", w.WorkflowID, err)
		}
		retried = append(retried, retriedActivities(w.WorkflowID, described.GetPendingActivities(), types)...)
	}
	return retried, nil
}

func retriedActivities(workflowID string, pending []*workflowpb.PendingActivityInfo, types []string) (retried []RetriedActivity) {
	for _, p := range pending {
		name := p.GetActivityType().GetName()
		if p.GetAttempt() > manyAttempts && p.GetLastFailure() != nil && slices.Contains(types, name) {
			retried = append(retried, RetriedActivity{workflowID, name, p.GetAttempt() - 1, p.GetLastFailure().GetMessage()})
		}
	}
	return retried
}

// retries returns the pending activities whose last attempt failed.
func retries(pending []*workflowpb.PendingActivityInfo) (list []ledger.Retry) {
	for _, p := range pending {
		if p.GetLastFailure().GetMessage() == "" {
			continue
		}
		r := ledger.Retry{Activity: p.GetActivityType().GetName(), Attempt: int(p.GetAttempt()), LastError: p.GetLastFailure().GetMessage()}
		if p.GetState() == enums.PENDING_ACTIVITY_STATE_SCHEDULED {
			r.NextAttempt = timePointer(p.GetNextAttemptScheduleTime())
		}
		list = append(list, r)
	}
	return list
}

// SliceFailure returns the error of a page slice that a running workflow retries, "" if there is
// none.
func (c *Client) SliceFailure(ctx context.Context, workflowID string) (string, error) {
	described, err := c.sdk.DescribeWorkflowExecution(ctx, workflowID, "")
	if isNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("describe workflow %q: %w", workflowID, err)
	}
	for _, p := range described.GetPendingActivities() {
		if failure := p.GetLastFailure(); isSlice(p) && failure.GetMessage() != "" {
			return failure.GetMessage(), nil
		}
	}
	return "", nil
}

// isSlice reports whether an activity reads pages.
func isSlice(p *workflowpb.PendingActivityInfo) bool {
	name := p.GetActivityType().GetName()
	return name == "SyncSlice" || name == "RefreshSlice"
}

// HasWorkers reports whether a worker polls every task queue.
func (c *Client) HasWorkers(ctx context.Context) (bool, error) {
	for _, q := range c.TaskQueues() {
		if p, err := c.Pollers(ctx, q); err != nil || p.Active == 0 {
			return false, err
		}
	}
	return true, nil
}
