package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/workflows"
)

// ErrNoDatabase is returned by Backends.Store if no database is configured.
var ErrNoDatabase = errors.New("DATABASE_URL: not set")

const (
	// targetPatience is how long a target may take to appear in the ledger: the request may have
	// been published only now.
	targetPatience = 3 * time.Second
	targetInterval = 200 * time.Millisecond
)

// checkTarget returns an error if the ledger shows that there is nothing to control. A request ID is
// not checked, because the bridge may not have received its request yet and applies the control
// afterwards. Without a database, or if it is unavailable, the bridge alone decides.
func checkTarget(ctx context.Context, b Backends, action, id string) error {
	if requestIDForm.MatchString(id) {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, targetPatience)
	defer stop()
	s, err := b.Store(ctx)
	if err != nil {
		return nil
	}
	defer s.Close()
	for reason := ""; ; {
		missing, err := missingTarget(ctx, s, id)
		if err == nil {
			reason = missing
		}
		if reason == "" {
			return nil
		}
		if !backoff.Sleep(ctx, targetInterval) {
			return &ExitError{Code: ExitRejected, Message: fmt.Sprintf(
				"nothing to %s: %s; lazisync status lists the open runs and waiting requests. If a request was published that the bridge has not received yet, use its request ID",
				action, reason)}
		}
	}
}

// missingTarget says why there is nothing to control, "" if there may be something.
func missingTarget(ctx context.Context, s Store, id string) (string, error) {
	workflowID := id
	if !workflows.IsWorkflowID(id) {
		found, err := s.FindRequests(ctx, id)
		switch {
		case err != nil || len(found) > 1: // the bridge answers that the id is ambiguous
			return "", err
		case len(found) == 0:
			return fmt.Sprintf("no request has the id %q", id), nil
		}
		workflowID = found[0].WorkflowID
	}
	w, err := s.Workflow(ctx, workflowID)
	switch {
	case err != nil:
		return "", err
	case !w.Known:
		return fmt.Sprintf("workflow %s has no requests", workflowID), nil
	case w.Finished && !workflows.ServesTenant(workflowID): // a pause may hold an incremental workflow open
		return fmt.Sprintf("workflow %s has no open run and no waiting request", workflowID), nil
	}
	return "", nil
}
