package ledger

import "github.com/lazi/lazisync/events"

// Complete returns the results and the outcome with which a run is finalized: every entity has a status, the run is
// completed only if no entity failed, and a failed run has an error. Complete changes results in place; those
// without a status are of entities that were not read to their end.
func (f Finalization) Complete(results []events.Result) ([]events.Result, Finalization) {
	for i := range results {
		r := &results[i]
		switch {
		case r.Status != "":
		case f.State == Cancelled:
			r.Status = events.StatusCancelled
		default:
			r.Status, r.Error = events.StatusFailed, unfinishedError(r.Entity, f.Error)
		}
	}
	if f.State == Cancelled {
		return results, f
	}
	for _, r := range results {
		if r.Status == events.StatusFailed && (f.State == Completed || f.Error == nil) {
			f.State, f.Error = Failed, entityError(r)
		}
	}
	if f.State == Failed && f.Error == nil {
		f.Error = &events.RunError{Type: events.Terminated, Message: "the run ended without an error message"}
	}
	return results, f
}

// unfinishedError returns the error of an entity that was not read to its end.
func unfinishedError(name string, cause *events.RunError) *events.RunError {
	if cause == nil {
		return &events.RunError{Type: events.Terminated, Message: "the run ended before the entity was read to its end", Entity: name}
	}
	return &events.RunError{Type: cause.Type, Message: cause.Message, Entity: name}
}

// entityError returns the error of a failed result, with the name of the entity.
func entityError(r events.Result) *events.RunError {
	if r.Error == nil {
		return &events.RunError{Type: events.StoreError, Message: "the entity failed without an error message", Entity: r.Entity}
	}
	e := *r.Error
	e.Entity = r.Entity
	return &e
}
