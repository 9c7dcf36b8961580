package notifytest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// Delivery is a notify.Delivery that records how it was settled.
type Delivery struct {
	Message events.Message
	Settled []string // "ack", "retry", "term: …" or "park: …"
}

// Event returns the message.
func (d *Delivery) Event() events.Message { return d.Message }

// Deliveries returns 1.
func (d *Delivery) Deliveries() uint64 { return 1 }

// Context returns ctx.
func (d *Delivery) Context(ctx context.Context) context.Context { return ctx }

// Ack records an acknowledgement.
func (d *Delivery) Ack(context.Context) error { return d.settle("ack") }

// Retry records a redelivery.
func (d *Delivery) Retry(time.Duration) error { return d.settle("retry") }

// Term records the end of the delivery.
func (d *Delivery) Term(reason string) error { return d.settle("term: " + reason) }

// DeadLetter records a dead letter.
func (d *Delivery) DeadLetter(_ context.Context, why events.Rejection) error {
	return d.settle("park: " + why.Reason)
}

func (d *Delivery) settle(how string) error {
	d.Settled = append(d.Settled, how)
	return nil
}

// Message returns the event of an outcome as a consumer receives it.
func Message(t *testing.T, kind events.Type[events.OutcomeData], data events.OutcomeData) events.Message {
	t.Helper()
	event, err := kind.New(events.Attributes{ID: "42/" + kind.Name, Source: "/lazisync", Subject: data.WorkflowID, Time: data.FinishedAt}, data)
	require.NoError(t, err)
	encoded, err := events.Encode(event)
	require.NoError(t, err)
	return events.Message{Subject: kind.Subject, Header: events.Header(event), Data: encoded, Stream: "SYNC_EVENTS", Sequence: 7, Stored: Ended}
}
