package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
)

// LastRunNumber returns the highest run number of the latest sync.started and outcome events, 0
// if the event stream has none.
func (c *Conn) LastRunNumber(ctx context.Context) (highest int64, err error) {
	ctx, cancel := withDeadline(ctx, apiTimeout)
	defer cancel()
	stream, err := c.reader(ctx, StreamEvents)
	if err != nil {
		return 0, err
	}
	for _, subject := range []string{events.Started.Subject, events.Completed.Subject, events.Failed.Subject, events.Cancelled.Subject} {
		raw, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read the last %s (the NATS user needs %s): %w", subject, c.readSubject(StreamEvents), err)
		}
		highest = max(highest, runNumber(events.Message{Subject: raw.Subject, Header: raw.Header, Data: raw.Data}))
	}
	return highest, nil
}

// runNumber returns the run number of an event, 0 if it has none or is bare JSON, which a
// person published.
func runNumber(m events.Message) int64 {
	event, err := events.Decode(m)
	if err != nil || strings.HasPrefix(event.Source(), "nats://") {
		return 0 // not published by lazisync
	}
	var about struct {
		RunNumber int64 `json:"runNumber"`
	}
	_ = event.DataAs(&about)
	return about.RunNumber
}
