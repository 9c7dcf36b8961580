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

// maxReason is the maximum number of characters of a reason.
const maxReason = 500

func (g *Gateway) listSchedules(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	list, err := g.Temporal.ListSchedules(ctx)
	if err != nil {
		return unavailable("Temporal is unavailable", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"schedules": emptyIfNil(list)})
}

func (g *Gateway) pauseSchedule(w http.ResponseWriter, r *http.Request) error {
	return g.changeSchedule(w, r, "paused", g.Temporal.PauseSchedule)
}

func (g *Gateway) unpauseSchedule(w http.ResponseWriter, r *http.Request) error {
	return g.changeSchedule(w, r, "resumed", g.Temporal.UnpauseSchedule)
}

// changeSchedule changes a schedule with a note that contains the client and the reason.
func (g *Gateway) changeSchedule(w http.ResponseWriter, r *http.Request, done string, change func(ctx context.Context, id, note string) error) error {
	reason, err := g.reason(w, r)
	if err != nil {
		return err
	}
	auditOf(r).Reason = reason
	note := done
	if who, known := g.client(r); known {
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

// reason returns the optional field reason of the body.
func (g *Gateway) reason(w http.ResponseWriter, r *http.Request) (string, error) {
	given, err := g.body(w, r)
	if err != nil {
		return "", err
	}
	var reason string
	for name, value := range given {
		if name != "reason" {
			return "", invalid(events.FieldError{Path: name, Got: string(value), Want: "reason, the only field"})
		}
		if json.Unmarshal(value, &reason) != nil || utf8.RuneCountInString(reason) > maxReason {
			return "", invalid(events.FieldError{Path: name, Got: string(value), Want: "a string of at most 500 characters"})
		}
	}
	return reason, nil
}

// triggerSchedule runs a schedule now.
func (g *Gateway) triggerSchedule(w http.ResponseWriter, r *http.Request) error {
	given, err := g.body(w, r)
	if err != nil {
		return err
	}
	for name, value := range given {
		return invalid(events.FieldError{Path: name, Got: string(value), Want: "an empty body"})
	}
	ctx, cancel := context.WithTimeout(r.Context(), temporalTimeout)
	defer cancel()
	id := r.PathValue("scheduleId")
	workflowID, err := g.Temporal.TriggerSchedule(ctx, id)
	if err != nil {
		return scheduleProblem(id, err)
	}
	return writeJSON(w, http.StatusAccepted, map[string]any{"scheduleId": id, "workflowId": nullIfZero(workflowID)})
}

func scheduleProblem(id string, err error) error {
	switch {
	case errors.Is(err, ledger.ErrScheduleNotFound):
		return notFound("scheduleId", id, "a schedule that /api/temporal/schedules lists")
	case errors.Is(err, ledger.ErrScheduleOverlap):
		return problem(http.StatusConflict, "overlap", "Schedule skipped",
			"the previous workflow of the schedule is still running, and its overlap policy is to skip")
	}
	return unavailable("Temporal is unavailable", err)
}
