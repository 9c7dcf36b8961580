package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// longestNote is more than anybody reads.
const longestNote = 500

func (g *Gateway) listSchedules(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	list, err := g.Temporal.ListSchedules(ctx)
	if err != nil {
		return unavailable("Temporal does not answer", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"schedules": some(list)})
}

func (g *Gateway) pauseSchedule(w http.ResponseWriter, r *http.Request) error {
	return g.changeSchedule(w, r, "paused", g.Temporal.PauseSchedule)
}

func (g *Gateway) unpauseSchedule(w http.ResponseWriter, r *http.Request) error {
	return g.changeSchedule(w, r, "resumed", g.Temporal.UnpauseSchedule)
}

// changeSchedule changes a schedule with a note that says by whom and why.
func (g *Gateway) changeSchedule(w http.ResponseWriter, r *http.Request, done string, change func(ctx context.Context, id, note string) error) error {
	reason, err := g.reason(w, r)
	if err != nil {
		return err
	}
	note := done
	if who, known := g.member(r); known {
		note += " by " + who.Name
	}
	if reason != "" {
		note += ": " + reason
	}
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	id := r.PathValue("scheduleId")
	if err := change(ctx, id, note); err != nil {
		return scheduleProblem(id, err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"success": true, "scheduleId": id})
}

// reason reads a body that says at most why.
func (g *Gateway) reason(w http.ResponseWriter, r *http.Request) (string, error) {
	given, err := g.body(w, r)
	if err != nil {
		return "", err
	}
	var reason string
	for name, value := range given {
		if name != "reason" {
			return "", invalid(events.FieldError{Path: name, Got: string(value), Want: "reason, or nothing"})
		}
		if json.Unmarshal(value, &reason) != nil || utf8.RuneCountInString(reason) > longestNote {
			return "", invalid(events.FieldError{Path: name, Got: string(value), Want: "a text of at most 500 characters"})
		}
	}
	return reason, nil
}

// triggerSchedule starts what a schedule starts, now.
func (g *Gateway) triggerSchedule(w http.ResponseWriter, r *http.Request) error {
	given, err := g.body(w, r)
	if err != nil {
		return err
	}
	for name, value := range given {
		return invalid(events.FieldError{Path: name, Got: string(value), Want: "nothing: a schedule knows what it starts"})
	}
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	id := r.PathValue("scheduleId")
	workflowID, err := g.Temporal.TriggerSchedule(ctx, id)
	if err != nil {
		return scheduleProblem(id, err)
	}
	return writeJSON(w, http.StatusAccepted, map[string]any{"scheduleId": id, "workflowId": known(workflowID)})
}

func scheduleProblem(id string, err error) error {
	switch {
	case errors.Is(err, ledger.ErrScheduleNotFound):
		return notFound("scheduleId", id, "one of the schedules that /api/temporal/schedules lists")
	case errors.Is(err, ledger.ErrScheduleOverlap):
		return problem(http.StatusConflict, "overlap", "Schedule skipped",
			"what the schedule started before still goes on, and it skips overlaps")
	}
	return unavailable("Temporal does not answer", err)
}
