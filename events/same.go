package events

import "reflect"

// IsSame reports whether an event is the same as a stored one with its id: publishing it again must not
// store it again. The data of some events depends on when they are published; the first one stands:
//
//   - The answer to a message that repeats a request has the outcome if there is one by then. After a
//     redelivery of the message there may be one.
//   - The start, a pause and a resume of a run name its requests. One that was cancelled meanwhile is no
//     longer among them.
//   - The rejection of a message has the reason that was found first. A redelivery may find another reason,
//     because the configuration or the version has changed or the message has had too many deliveries. The
//     id has the message's stream, sequence and time, so that no other event can have it.
//
// Any other difference means that the id belongs to another event, because PostgreSQL, NATS or Temporal
// was restored to an earlier state.
func IsSame(stored, event Event) bool {
	if stored.Type() != event.Type() || stored.ID() != event.ID() || stored.Source() != event.Source() {
		return false
	}
	switch event.Type() {
	case Rejected.Name:
		return true
	case Accepted.Name:
		first, second, ok := dataOfBoth(Accepted, stored, event)
		if ok && first.Duplicate && second.Duplicate && first.Message != "" && first.Message == second.Message {
			return true
		}
	case Started.Name:
		first, second, ok := dataOfBoth(Started, stored, event)
		if ok && first.isOfSameRun(second.RunData) {
			return true
		}
	case Paused.Name:
		first, second, ok := dataOfBoth(Paused, stored, event)
		if ok && first.isOfSameRun(second.RunData) {
			return true
		}
	case Resumed.Name:
		first, second, ok := dataOfBoth(Resumed, stored, event)
		if ok && first.isOfSameRun(second.RunData) {
			return true
		}
	}
	var there, ours any
	return stored.DataAs(&there) == nil && event.DataAs(&ours) == nil && reflect.DeepEqual(there, ours)
}

func dataOfBoth[T any](t Type[T], a, b Event) (first, second T, ok bool) {
	first, err := t.Data(a)
	if err != nil {
		return first, second, false
	}
	second, err = t.Data(b)
	return first, second, err == nil
}

// isOfSameRun reports whether two events are of one run. Numbers are not given again, unless the ledger
// was recreated; the workflow run is another one then.
func (d RunData) isOfSameRun(other RunData) bool {
	return d.RunNumber == other.RunNumber && d.WorkflowID == other.WorkflowID && d.RunID == other.RunID
}
