package fault

import (
	"context"
	"slices"

	"github.com/lazi/lazisync/dev/recording"
)

// violationsShown is the most violations that are printed: the first one usually causes the others.
const violationsShown = 5

// order: the recorded changes of the ledger and the events are in an order that the ledger allows.
func (v *oracle) order(ctx context.Context) error {
	changes, err := recording.Read(ctx, v.sql)
	if err != nil {
		return err
	}
	var observed []recording.Event
	if !v.restored {
		for _, e := range slices.Concat(v.eventStream, v.archived.commands, v.commandStream) {
			if e.stored.IsZero() { // a subscriber received it, and JetStream has lost it
				continue
			}
			observed = append(observed, recording.Event{
				Stored: e.stored, Sequence: e.sequence, Subject: e.on, ID: e.ID, Source: e.Source, Data: e.Data,
			})
		}
	}
	violations, err := recording.Check(changes, observed)
	if err != nil {
		return err
	}
	for _, violation := range violations[:min(len(violations), violationsShown)] {
		v.find("%s", violation)
	}
	if more := len(violations) - violationsShown; more > 0 {
		v.find("%d further violations in the recording of %d changes", more, len(changes))
	}
	v.checked = len(changes) + len(observed)
	return nil
}
