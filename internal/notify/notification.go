package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// Outcome is the result of a run or of a command, as a notification reports it.
type Outcome string

const (
	Completed Outcome = "completed"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
	Rejected  Outcome = "rejected" // of a command, which is on the dead-letter stream
	Stale     Outcome = "stale"    // entities are too old
	Fresh     Outcome = "fresh"    // they are not any more
)

// LateAfter is the age from which a notification counts as late: its message mentions the
// age, and late notifications are sent as a digest.
const LateAfter = time.Hour

// Notification reports one event to one channel.
type Notification struct {
	To      string // the channel, such as #sync-alerts
	Outcome Outcome
	Run     events.OutcomeData   // unless Outcome is Rejected
	Command events.RejectedData  // if Outcome is Rejected
	Ages    events.FreshnessData // if Outcome is Stale or Fresh
	EventID string
	At      time.Time // when the run finished or the command was rejected

	// Times counts the identical events since Since, this one included. It is 0 if the
	// notification is not one of a group.
	Times int
	Since time.Time

	// Recovered counts the failures of the same tenant and mode, the first at FailingSince,
	// that this completed run ends. It is 0 if the run before did not fail.
	Recovered    int
	FailingSince time.Time

	// Incident is what the notification belongs to; it is zero for other notifications.
	Incident Incident
}

// DedupKey is equal for notifications that report the same failure to the same channel.
// It is empty for notifications that are never grouped.
func (n Notification) DedupKey() string {
	switch n.Outcome {
	case Rejected:
		return strings.Join([]string{n.To, n.Command.Subject, string(n.Command.Code)}, "\x00")
	case Failed:
		return strings.Join(append([]string{n.To, string(n.Run.TenantID), string(n.Run.Mode)}, n.Failures()...), "\x00")
	default:
		return ""
	}
}

// Failures lists the failed entities of a run with the type of their error, sorted, such as
// "jobs (ApiError)". Error messages are omitted because they may contain times or IDs.
func (n Notification) Failures() []string {
	var list []string
	for _, r := range n.Run.Results {
		if r.Status == events.StatusFailed && r.Error != nil {
			list = append(list, fmt.Sprintf("%s (%s)", r.Entity, r.Error.Type))
		}
	}
	if len(list) == 0 && n.Run.Error != nil {
		if n.Run.Error.Entity == "" {
			return []string{string(n.Run.Error.Type)}
		}
		return []string{fmt.Sprintf("%s (%s)", n.Run.Error.Entity, n.Run.Error.Type)}
	}
	slices.Sort(list)
	return list
}

// outcomes maps the event types that report the end of a run to their outcome.
var outcomes = map[string]struct {
	outcome Outcome
	decode  func(events.Event) (events.OutcomeData, error)
}{
	events.Completed.Name: {Completed, events.Completed.Data},
	events.Failed.Name:    {Failed, events.Failed.Data},
	events.Cancelled.Name: {Cancelled, events.Cancelled.Data},
}

// decode returns the notification for an event and the channels that the event names. There
// is none for an event of another type, nor for parts after the first of an outcome that is
// published in parts. Rejected commands and stale entities are reported to the channel alerts.
func decode(m events.Message, alerts string) (n *Notification, channels []string, err error) {
	m.Stored = time.Time{} // the age of an event is no reason to reject it here
	event, err := events.Decode(m)
	if err != nil {
		return nil, nil, err
	}
	if event.Type() == events.Rejected.Name {
		command, err := events.Rejected.Data(event)
		if err != nil || command.Code.NamesNothing() {
			return nil, nil, err // such as a typo in a run ID: the sender gets the reply, no channel needs it
		}
		return &Notification{Outcome: Rejected, Command: command, EventID: event.ID(), At: event.Time()}, []string{alerts}, nil
	}
	for outcome, t := range map[Outcome]events.Type[events.FreshnessData]{Stale: events.Stale, Fresh: events.Fresh} {
		if event.Type() == t.Name {
			ages, err := t.Data(event)
			if err != nil {
				return nil, nil, err
			}
			n := &Notification{Outcome: outcome, Ages: ages, EventID: event.ID(), At: event.Time()}
			n.Incident = newIncident(ages.Since, 0, ages.TenantID, "freshness")
			return n, []string{alerts}, nil
		}
	}
	kind, ok := outcomes[event.Type()]
	if !ok {
		return nil, nil, nil
	}
	run, err := kind.decode(event)
	if err != nil || run.Part > 1 {
		return nil, nil, err
	}
	return &Notification{Outcome: kind.outcome, Run: run, EventID: event.ID(), At: run.FinishedAt}, run.Notify, nil
}

// to returns the notification for each of the channels.
func (n Notification) to(channels []string) []Notification {
	list := make([]Notification, len(channels))
	for i, channel := range channels {
		list[i] = n
		list[i].To = channel
	}
	return list
}
