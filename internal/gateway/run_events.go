package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	historyTimeout = 8 * time.Second
	historyMargin  = time.Minute // between the clocks of PostgreSQL and NATS
	maxRunEvents   = 200
	maxHistory     = 20_000 // events read for the history of one run
)

// runSubjects are the subjects of the events of one run.
var runSubjects = []string{
	events.Started.Subject, events.Paused.Subject, events.Resumed.Subject, events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject,
}

// showRunEvents returns the events of a run that the event stream still has, oldest first.
func (g *Gateway) showRunEvents(w http.ResponseWriter, r *http.Request) error {
	run, err := g.run(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), historyTimeout)
	defer cancel()
	list := []json.RawMessage{}
	err = g.History(ctx, runSubjects, run.StartedAt.Add(-historyMargin), maxHistory, func(m events.Message) bool {
		encoded, last := eventOfRun(m, run)
		if encoded != nil {
			list = append(list, encoded)
		}
		return !last && len(list) < maxRunEvents
	})
	if err != nil {
		return unavailable("the event stream is unavailable", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"events": list})
}

// eventOfRun returns a message as JSON if it is an event of the run, otherwise nil. last reports
// that no other one follows.
func eventOfRun(m events.Message, run ledger.Run) (encoded json.RawMessage, last bool) {
	event, err := events.Decode(m)
	if err != nil {
		return nil, false
	}
	var data struct {
		RunNumber  int64  `json:"runNumber"`
		WorkflowID string `json:"workflowId"`
		Part       int    `json:"part"`
		Parts      int    `json:"parts"`
	}
	if event.DataAs(&data) != nil || data.RunNumber != run.Number || data.WorkflowID != run.WorkflowID {
		return nil, false
	}
	encoded, err = events.Encode(event)
	if err != nil {
		return nil, false
	}
	isOutcome := run.State != ledger.Running && event.Type() == run.State.EventType()
	return encoded, isOutcome && data.Part >= data.Parts
}
