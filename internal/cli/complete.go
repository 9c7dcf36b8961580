package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/lazi/lazisync/internal/ledger"
)

// completedRuns is the maximum number of runs that a shell offers.
const completedRuns = 20

// CompleteRuns returns the numbers of the latest runs with a description, as a shell completes them.
func CompleteRuns(ctx context.Context, b Backends) ([]string, error) {
	s, err := b.Store(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	runs, err := s.FindRuns(ctx, ledger.RunFilter{}, completedRuns)
	values := make([]string, len(runs))
	for i, r := range runs {
		values[i] = fmt.Sprintf("%d\t%s of tenant %s, %s", r.Number, r.Mode, r.TenantID, r.ReportedState())
	}
	return values, err
}

// CompleteOpenWorkflows returns the workflow IDs of open runs and waiting requests with a
// description, as a shell completes them.
func CompleteOpenWorkflows(ctx context.Context, b Backends) (values []string, err error) {
	s, err := b.Store(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	runs, err := s.Runs(ctx, 1)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range runs {
		if r.State == ledger.Running {
			ids = append(ids, r.WorkflowID)
			values = append(values, fmt.Sprintf("%s\trun %d, %s", r.WorkflowID, r.Number, r.ReportedState()))
		}
	}
	waiting, err := s.Waiting(ctx, "")
	for _, w := range waiting {
		if !slices.Contains(ids, w.WorkflowID) {
			ids = append(ids, w.WorkflowID)
			values = append(values, fmt.Sprintf("%s\t%s", w.WorkflowID, w.Why))
		}
	}
	return values, err
}
