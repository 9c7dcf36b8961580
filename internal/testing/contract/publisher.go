package contract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/bridge"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// PublisherPort is the event stream as the bridge and the activities use it.
type PublisherPort interface {
	bridge.Publisher
	bridge.History
	// Events returns what the streams of events and commands store, each in its order, events first.
	Events() []events.Event
	// DeadLetters returns the dead letters in order.
	DeadLetters() []events.RejectedMessage
}

// sequences counts the sequences of all suites: JetStream knows the ids of messages that it has deleted.
var sequences atomic.Int64

// Publisher compares the stream in memory with a real one, which keeps what earlier sequences published:
// its messages cannot be deleted.
func Publisher(t *testing.T, adapter PublisherPort) {
	rapid.Check(t, func(t *rapid.T) {
		p := &publishers{
			pair: pair[PublisherPort]{memoryStream{&memory.Publisher{Stream: &memory.Stream{}}}, adapter},
			ctx:  context.Background(), unique: fmt.Sprint(sequences.Add(1)),
			places: [2]map[uint64]int{{}, {}},
		}
		p.publishFirst(t)
		t.Repeat(map[string]func(*rapid.T){
			"publish": p.publish, "publish all": p.publishAll, "dead-letter": p.deadLetter, "last run": p.lastRun,
		})
		p.compareAll(t)
	})
}

// memoryStream lists events before commands, as the streams of JetStream are read.
type memoryStream struct{ *memory.Publisher }

func (m memoryStream) Events() (all []events.Event) {
	var commands []events.Event
	for _, e := range m.Publisher.Events() {
		if e.Type() == events.Requested.Name {
			commands = append(commands, e)
		} else {
			all = append(all, e)
		}
	}
	return append(all, commands...)
}

// publishers are the two streams of a sequence.
type publishers struct {
	pair[PublisherPort]
	ctx    context.Context
	unique string
	places [2]map[uint64]int // of dead letters by sequence, in the order in which they were returned
}

// run returns a run of this sequence.
func (p *publishers) run(id string, state ledger.RunState) ledger.Run {
	id += "-" + p.unique
	return ledger.Run{
		Number: 1, TenantID: "42", Mode: events.Full, WorkflowID: "full-sync-" + id, FirstRunID: id, Pass: 1,
		Entities: []string{"jobs"}, State: state, StartedAt: time.Unix(1, 0), FinishedAt: time.Unix(2, 0),
		Requests: []ledger.Request{{ID: events.RequestID("/a", id), Source: "/a", EventID: id, Mode: events.Full}},
	}
}

// publishFirst publishes one event of each type that has a run number: LastRunNumber reads the last ones.
func (p *publishers) publishFirst(t *rapid.T) {
	all, err := p.run("first", ledger.Running).StartedEvents()
	for _, state := range []ledger.RunState{ledger.Completed, ledger.Failed, ledger.Cancelled} {
		outcome, outcomeErr := p.run("first", state).OutcomeEvents()
		all, err = append(all, outcome...), errors.Join(err, outcomeErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _ = call(t, p.pair, "PublishAll", func(port PublisherPort) (any, error) { return nil, errors.Join(port.PublishAll(p.ctx, all)...) })
}

// drawEvents draws the events of a call: those of a run, an answer, or a command. Few differ in their
// ids, more in their data.
func (p *publishers) drawEvents(t *rapid.T) (all []events.Event, err error) {
	run := p.run(rapid.SampledFrom([]string{"e1", "e2"}).Draw(t, "id"), rapid.SampledFrom([]ledger.RunState{ledger.Cancelled, ledger.Failed}).Draw(t, "outcome"))
	run.Number, run.Reason = rapid.Int64Range(1, 3).Draw(t, "run"), rapid.SampledFrom([]string{"", "because"}).Draw(t, "reason")
	id := run.FirstRunID
	if rapid.Bool().Draw(t, "another request") {
		run.Requests = append(run.Requests, ledger.Request{ID: events.RequestID("/b", id), Source: "/b", EventID: id, Mode: events.Full})
	}
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		return run.StartedEvents()
	case 1, 2:
		return run.OutcomeEvents()
	case 3:
		event, err := events.Accepted.New(events.Attributes{ID: id, Source: ledger.Source}, events.AcceptedData{
			Kind: events.KindRequest, RequestID: run.Requests[0].ID, Event: events.EventRef{Source: "/a", ID: id}, WorkflowID: run.WorkflowID,
			Duplicate: rapid.Bool().Draw(t, "duplicate"), RunID: rapid.SampledFrom([]string{"", "r1"}).Draw(t, "run id"),
			Message: rapid.SampledFrom([]string{"", "m1", "m2"}).Draw(t, "message"),
		})
		return []events.Event{event}, err
	}
	event, err := events.Requested.New(events.Attributes{ID: id, Source: "/a"}, events.RequestData{
		Mode: rapid.SampledFrom([]events.Mode{events.Full, events.Incremental}).Draw(t, "mode"),
	})
	return []events.Event{event}, err
}

// commands is the stream of the messages that are dead-lettered.
func (p *publishers) commands() string { return "SYNC_COMMANDS-" + p.unique }

func (p *publishers) draw(t *rapid.T) []events.Event {
	all, err := p.drawEvents(t)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *publishers) publish(t *rapid.T) {
	e := p.draw(t)[0]
	if rapid.IntRange(0, 9).Draw(t, "unknown type") == 0 {
		e = e.Clone()
		e.SetType("unknown")
	}
	_, _ = call(t, p.pair, "Publish "+e.ID(), func(p PublisherPort) (any, error) { return nil, p.Publish(context.Background(), e) })
}

func (p *publishers) publishAll(t *rapid.T) {
	var all []events.Event
	for range rapid.IntRange(0, 4).Draw(t, "count") {
		all = append(all, p.draw(t)...)
	}
	_, _ = call(t, p.pair, fmt.Sprint("PublishAll ", len(all)), func(port PublisherPort) (kinds []string, err error) {
		for _, err := range port.PublishAll(p.ctx, all) {
			kinds = append(kinds, kindOf(err))
		}
		return kinds, nil
	})
}

// deadLetterPlace is the result of DeadLetter. Sequences continue after those of earlier calls: a dead
// letter is compared by its place among those of this sequence of calls.
type deadLetterPlace struct {
	Stream string
	Place  int
}

func (p *publishers) deadLetter(t *rapid.T) {
	m := events.Message{
		Subject: rapid.SampledFrom([]string{"sync.requested", "sync.control"}).Draw(t, "subject"), Data: []byte("{}"),
		Header: map[string][]string{"Nats-Msg-Id": {"x"}, "Other": {"y"}}, Stream: p.commands(),
		Sequence: rapid.Uint64Range(1, 2).Draw(t, "sequence"), Stored: time.Unix(rapid.Int64Range(1, 2).Draw(t, "stored"), 0).UTC(),
	}
	why := events.Rejection{Code: events.CodeNotJSON, Reason: rapid.SampledFrom([]string{"", "because"}).Draw(t, "reason")}
	attempts := rapid.Uint64Range(1, 3).Draw(t, "attempts")
	_, _ = call(t, p.pair, fmt.Sprint("DeadLetter ", m.Sequence), func(port PublisherPort) (at deadLetterPlace, err error) {
		stream, sequence, err := port.DeadLetter(p.ctx, m, why, attempts)
		places := p.places[0]
		if port == p.real {
			places = p.places[1]
		}
		if _, known := places[sequence]; !known {
			places[sequence] = len(places) + 1
		}
		return deadLetterPlace{stream, places[sequence]}, err
	})
}

func (p *publishers) lastRun(t *rapid.T) {
	_, _ = call(t, p.pair, "LastRunNumber", func(port PublisherPort) (int64, error) { return port.LastRunNumber(p.ctx) })
}

// stored is an event of a stream.
type stored struct{ ID, Data string }

// compareAll compares everything that the streams store.
func (p *publishers) compareAll(t *rapid.T) {
	_, _ = call(t, p.pair, "Events", func(port PublisherPort) (all []stored, err error) {
		for _, e := range port.Events() {
			if !strings.Contains(e.ID()+"/", "-"+p.unique+"/") {
				continue // of another sequence
			}
			sum := sha256.Sum256(e.Data())
			all = append(all, stored{e.Source() + " " + e.ID() + " " + e.Subject(), hex.EncodeToString(sum[:4])})
		}
		return all, nil
	})
	_, _ = call(t, p.pair, "DeadLetters", func(port PublisherPort) (all []events.RejectedMessage, err error) {
		for _, m := range port.DeadLetters() {
			if m.Sequence = 0; m.Message.Stream == p.commands() {
				all = append(all, m)
			}
		}
		return all, nil
	})
}
