package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// command is a message of the command stream.
type command struct {
	s          *sequence
	event      events.Message
	id         string
	deliveries uint64
	isSettled  bool
}

func (c *command) Event() events.Message                       { return c.event }
func (c *command) Deliveries() uint64                          { return c.deliveries }
func (c *command) Context(ctx context.Context) context.Context { return ctx }
func (c *command) Retry(time.Duration) error                   { return nil }
func (c *command) Ack(context.Context) error                   { return c.settle("Ack") }
func (c *command) Term(string) error                           { return c.settle("Term") }
func (c *command) settle(how string) error {
	return c.s.bridgeCall(memory.Op{Method: how}, func() error { c.isSettled = true; return nil })
}

func (s *sequence) request(data events.RequestData, f bridgeFault, isTogether bool) {
	s.requests = append(s.requests, data.Mode)
	publish(s, events.Requested, fmt.Sprint("r", len(s.requests)), data)
	s.deliver(f, isTogether)
}

func (s *sequence) control(data events.ControlData, f bridgeFault, isTogether bool) {
	s.controls++
	publish(s, events.Control, fmt.Sprint("c", s.controls), data)
	s.deliver(f, isTogether)
}

// publish stores a command.
func publish[T any](s *sequence, typ events.Type[T], id string, data T) {
	event, err := typ.New(events.Attributes{ID: id, Source: source}, data)
	if err != nil {
		panic(err)
	}
	encoded, err := events.Encode(event)
	if err != nil {
		panic(err)
	}
	sequence := uint64(len(s.commands) + 1)
	s.commands = append(s.commands, &command{s: s, id: id, event: events.Message{
		Subject: typ.Subject, Data: encoded, Header: events.Header(event), Stream: "SYNC_COMMANDS", Sequence: sequence, Stored: s.now().Add(time.Duration(sequence)),
	}})
}

// deliver delivers every command that is not settled, controls in order until one has to wait. With isTogether, the
// workflow receives signals only with what happens next.
func (s *sequence) deliver(f bridgeFault, isTogether bool) {
	s.setFault(f, isTogether)
	for _, c := range slices.Clone(s.commands) {
		if c.event.Subject == events.Requested.Subject && !c.isSettled {
			c.deliveries++
			_ = s.bridge.HandleRequests(context.Background(), []bridge.Message{c}) // it is redelivered
		}
	}
	for _, c := range slices.Clone(s.commands) {
		if c.event.Subject == events.Control.Subject && !c.isSettled {
			c.deliveries++
			if _ = s.bridge.HandleControl(context.Background(), c); !c.isSettled {
				break
			}
		}
	}
	s.forward()
	s.setFault(bridgeFault{}, false)
}

func (s *sequence) setFault(f bridgeFault, isTogether bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.isTogether = f, isTogether && s.current != nil && s.current.running > 0
}
