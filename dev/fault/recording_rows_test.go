//go:build fault

package fault

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/recording"
	"github.com/lazi/lazisync/internal/failpoint"
	"github.com/lazi/lazisync/workflows"
)

// finalizesAgain lets Finalize write the outcome of a run at each call.
var finalizesAgain = change{
	name: "that finalizes a run again", file: "../internal/store/run_finalize.go",
	before: "\tif err != nil || run.State != ledger.Running {\n\t\treturn err\n\t}\n\tif d.ClaimQueued",
	after:  "\tif err != nil {\n\t\treturn err\n\t}\n\tif d.ClaimQueued",
}

// storesRowsFirst stores the rows of a page in a transaction of their own, before that of the cursor.
var storesRowsFirst = change{
	name: "that stores rows first", file: "../internal/store/page_store.go",
	before: "\terr := s.transact(ctx, what, func(tx pgx.Tx) (err error) {\n\t\tnext, first, err = page.store",
	after: "\t_ = s.transact(ctx, what, func(tx pgx.Tx) error {\n\t\t_, err := page.writeRecords(ctx, tx)\n\t\treturn err\n\t})\n" +
		"\terr := s.transact(ctx, what, func(tx pgx.Tx) (err error) {\n\t\tnext, first, err = page.store",
}

// The checks of the recording find mistakes that a build has on purpose.
func TestFault80MistakesInBuilds(t *testing.T) {
	t.Parallel()
	for mistake, rule := range map[change]string{finalizesAgain: recording.FinalizeOnce, storesRowsFirst: recording.PageWhole} {
		t.Run(mistake.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{})
			program := changed(t, mistake)
			r.startAll(t, "bridge", "notifier")
			broken := r.startProgram(t, program, "worker", failpoint.Variable+"=worker/run-decided")
			full := r.full(t)
			broken.awaitKilled(t)
			r.startProgram(t, program, "worker")
			r.awaitSettled(t) // the reconciler publishes the outcome
			require.Eventually(t, func() bool { return r.idle(t, workflows.FullSyncID(full.requestID())) }, waitLimit, tick, "the workflow does not finish its run again")
			changes, err := recording.Read(t.Context(), r.sql)
			require.NoError(t, err)
			violations, err := recording.Check(changes, nil)
			require.NoError(t, err)
			require.NotEmpty(t, violations, "of %d changes", len(changes))
			require.Equal(t, rule, violations[0].Rule, "%s", violations[0])
			t.Log(violations[0])
		})
	}
}
