package main

// mutant is a mistake: it replaces code that a file has exactly once by what a mistaken author would write.
type mutant struct{ name, file, before, after string }

var mutants = []mutant{
	// Commands.
	{
		"acknowledge requests before the ledger has them", "bridge/requests.go",
		"\tb.record(ctx, all)\n\tfailpoint", "\tfor _, d := range all {\n\t\t_ = acknowledge(ctx, d.message)\n\t}\n\tb.record(ctx, all)\n\tfailpoint",
	},
	{
		"answer a redelivered request as a duplicate", "bridge/requests.go",
		"d.receipt.FirstRunID, d.receipt.IsDuplicateFor(d.request)", "d.receipt.FirstRunID, d.receipt.State != ledger.Received",
	},
	{
		"give duplicates no answer", "bridge/requests.go",
		"\t\tevent, err := b.acceptedEvent(d.acceptedData()", "\t\tif d.duplicate {\n\t\t\tcontinue\n\t\t}\n\t\tevent, err := b.acceptedEvent(d.acceptedData()",
	},
	{
		"accept an id again with different data", "bridge/requests.go",
		"\t\tif d.receipt.Conflict {", "\t\tif d.receipt.Conflict && d.err != nil {",
	},
	{
		"acknowledge although a step failed", "bridge/requests.go",
		"\t\t\tcase d.err != nil:\n\t\t\t\td.err = b.retry(d.message, d.err)", "\t\t\tcase d.err != nil:\n\t\t\t\td.err = acknowledge(ctx, d.message)",
	},
	{
		"mark requests as accepted although Temporal failed", "bridge/dispatch.go",
		"\t\tif c.err != nil || c.rejection != nil {\n\t\t\tcontinue\n\t\t}\n\t\tfor _, id", "\t\tif c.rejection != nil {\n\t\t\tcontinue\n\t\t}\n\t\tfor _, id",
	},
	{
		"forget a cancel that arrives before its request", "bridge/dispatch.go",
		"\tcase c.cancel != nil: // the", "\tcase c.cancel != nil && c.err != nil: // the",
	},
	{
		"start a request that was withdrawn", "bridge/dispatch.go",
		"served[i].needed || !d.withdrawn", "true",
	},
	{
		"apply a repeated control again", "bridge/control.go",
		"\tif recorded.State != ledger.ControlPending {\n\t\treturn b.answerDelivery", "\tif recorded.State == ledger.ControlRejected {\n\t\treturn b.answerDelivery",
	},
	{
		"accept a control with the id of another one", "bridge/control.go",
		"return a.Action == b.Action && a.WorkflowID == b.WorkflowID && a.Target == b.Target", "return a.Action == b.Action || a.WorkflowID == b.WorkflowID",
	},
	// The reconciler.
	{
		"do not start requests after a crash", "bridge/reconciler.go",
		"\tfor _, r := range unstarted {\n\t\tc := calls.forRequest(r, b.limits(r.TenantID))\n\t\tc.needed", "\tfor _, r := range unstarted[:0] {\n\t\tc := calls.forRequest(r, b.limits(r.TenantID))\n\t\tc.needed",
	},
	{
		"finalize a run whose workflow is open", "bridge/reconcile_runs.go",
		"\tif status == workflows.ExecutionOpen {", "\tif status == workflows.ExecutionOpen && err != nil {",
	},
	{
		"leave an outcome unpublished after a crash", "bridge/reconcile_runs.go",
		"\tfor _, header := range unpublished {", "\tfor _, header := range unpublished[:0] {",
	},
	{
		"leave a settled control unanswered after a crash", "bridge/reconciler.go",
		"\tfor _, c := range unanswered {", "\tfor _, c := range unanswered[:0] {",
	},
	{
		"wait forever for the request of a control", "bridge/reconciler.go",
		"result.hasRequest || b.Now().Sub(c.ReceivedAt) < b.Grace", "result.hasRequest || b.Now().Sub(c.ReceivedAt) > 0",
	},
	// Runs.
	{
		"mark an outcome as published before it is", "activities/runs.go",
		"\toutcome, err := run.OutcomeEvents()", "\t_ = r.Ledger.MarkPublished(ctx, run.Ref())\n\toutcome, err := run.OutcomeEvents()",
	},
	{
		"finalize a run twice", "internal/store/run_finalize.go",
		"\tif err != nil || run.State != ledger.Running {\n\t\treturn err\n\t}\n\tif d.ClaimQueued", "\tif err != nil {\n\t\treturn err\n\t}\n\tif d.ClaimQueued",
	},
	{
		"store a page that is stored already", "internal/store/page_store.go",
		"\tcase current != version || status != \"\":", "\tcase status != \"\":",
	},
	{
		"store a page after the outcome", "internal/store/page_store.go",
		"\tcase state != ledger.Running:\n\t\treturn f, ledger.ErrFinalized", "\tcase state == ledger.Failed:\n\t\treturn f, ledger.ErrFinalized",
	},
	{
		"store a page of another execution", "internal/store/page_store.go",
		"\tcase s.Run.Check(owner) != nil:", "\tcase s.Run.Check(owner) != nil && err != nil:",
	},
	// Rows.
	{
		"overwrite newer data with older", "internal/store/page_sql.go",
		"then %[1]s.modified_on > %[2]s.modified_on else", "then %[1]s.modified_on <> %[2]s.modified_on else",
	},
	{
		"restore a deleted row from an older page", "internal/store/page_sql.go",
		"%[2]s.deleted_at is null or %[3]s >= %[2]s.deleted_at)`", "%[2]s.deleted_at is null or %[3]s is not null)`",
	},
	{
		"ignore a deletion without another change", "internal/store/page_sql.go",
		"fingerprintDiffers = `(%[2]s.fingerprint is distinct from %[5]s or (%[2]s.deleted_at is not null) <> %[4]s)`",
		"fingerprintDiffers = `(%[2]s.fingerprint is distinct from %[5]s or %[4]s is null)`",
	},
	// Workflows.
	{
		"lose the pause when a workflow continues as new", "workflows/run.go",
		"\tc := r.ContinueAsNewState\n\treturn &c", "\tc := r.ContinueAsNewState\n\tc.Paused = false\n\treturn &c",
	},
	{
		"lose controls that arrive while a workflow continues as new", "workflows/run.go",
		"\tr.applyControls()\n\tif ctx.Err() != nil {\n\t\tr.cancelInTemporal()\n\t}\n\tc := r.ContinueAsNewState", "\tif ctx.Err() != nil {\n\t\tr.cancelInTemporal()\n\t}\n\tc := r.ContinueAsNewState",
	},
	{
		"end although a request arrived after the claim", "workflows/incremental.go",
		"if woken || wake.Len() > 0 || r.waitWhilePaused(ctx, wake) {", "if (woken || wake.Len() > 0) && err != nil || r.waitWhilePaused(ctx, wake) {",
	},
	{
		"use the number of the last pass again", "workflows/incremental.go",
		"Pass: r.Passes + 1, Refreshes", "Pass: max(r.Passes, 1), Refreshes",
	},
	// Streams.
	{
		"believe an acknowledgement that an event is a duplicate", "internal/stream/publish_duplicate.go",
		"\tif !ack.Duplicate || ack.Stream != StreamEvents {", "\tif !ack.Duplicate || ack.Stream != \"\" {",
	},
	{
		"let JetStream drop a repeated command", "internal/stream/publish.go",
		"\tif err != nil || !ack.Duplicate {\n\t\treturn err", "\tif err != nil || ack != nil {\n\t\treturn err",
	},
}
