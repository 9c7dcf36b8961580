package recording

import "time"

// requestRow is a row of raw.sync_requests.
type requestRow struct {
	ID         string `json:"request_id"`
	State      string `json:"state"`
	WorkflowID string `json:"workflow_id"`
	FirstRunID string `json:"first_run_id"`
	Run        *int64 `json:"run_number"`
}

// run returns the number of the run that serves the request, 0 if none does yet.
func (r requestRow) run() int64 {
	if r.Run == nil {
		return 0
	}
	return *r.Run
}

const accepted = "accepted"

// request is a request with the times of its changes.
type request struct {
	requestRow
	received, accepted time.Time
}

func (c *check) applyRequest(change Change, before, after *requestRow) {
	if after == nil {
		if r := c.runs[before.run()]; r != nil && !r.isFinal() || before.Run == nil {
			c.find(change, RequestServed, "request "+before.ID, "request %s was deleted without an outcome", before.ID)
		}
		delete(c.requests, before.ID)
		return
	}
	q := c.requests[after.ID]
	if q == nil {
		q = &request{received: change.At}
		c.requests[after.ID] = q
	}
	if before != nil {
		c.updateRequest(change, before, after)
	}
	if after.State == accepted && q.accepted.IsZero() {
		q.accepted = change.At
	}
	q.requestRow = *after
}

func (c *check) updateRequest(change Change, before, after *requestRow) {
	subject := "request " + after.ID
	switch {
	case before.State == accepted && after.State != accepted:
		c.find(change, RequestServed, subject, "request %s was accepted and is %s again", after.ID, after.State)
	case before.State == accepted && before.FirstRunID != after.FirstRunID:
		c.find(change, RequestServed, subject, "request %s was accepted by execution %s and then by %s", after.ID, before.FirstRunID, after.FirstRunID)
	}
	if before.run() == after.run() {
		return
	}
	from, to := c.runs[before.run()], c.runs[after.run()]
	switch {
	case to == nil:
		c.find(change, RequestServed, subject, "request %s was given to run %d, which does not exist", after.ID, after.run())
	case to.isFinal():
		c.find(change, RequestServed, subject, "request %s was given to run %d after that was finalized as %s by change %d", after.ID, after.run(), to.State, to.finalizedBy)
	case from == nil:
	case from.isFinal():
		c.find(change, RequestServed, subject, "request %s had its outcome in run %d, which change %d finalized as %s, and was given to run %d",
			after.ID, before.run(), from.finalizedBy, from.State, after.run())
	case !to.isWithdrawn():
		c.find(change, RequestServed, subject, "request %s was served by run %d and given to run %d, which is no withdrawal", after.ID, before.run(), after.run())
	}
}
