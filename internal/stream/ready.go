package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// fullReserve is the room of a stream below which it is full: an event needs it.
const fullReserve = 64 << 10

// Ready says why messages cannot be read, or nil: connected, every stream there but the
// one that may be lost, and the consumers named, all of them such that what is stored
// is delivered; this user may acknowledge it, and the server serves our requests.
func (c *Conn) Ready(ctx context.Context, consumers ...string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if err := c.checkServer(); err != nil {
		return err
	}
	for _, s := range topology() {
		if s.volatile() {
			continue
		}
		found, err := c.js.Stream(ctx, s.config.Name)
		if err != nil {
			return c.explained(lookupError("stream "+s.config.Name, err))
		}
		if err := blocked(compareStream(s.config, found.CachedInfo().Config)); err != nil {
			return err
		}
	}
	for _, name := range consumers {
		if err := c.consumerReady(ctx, name); err != nil {
			return err
		}
		if err := c.CheckAcknowledge(ctx, name); err != nil {
			return err
		}
		if err := c.fetching.of(name); err != nil {
			return fmt.Errorf("fetch messages from consumer %s: %w", name, err)
		}
	}
	return nil
}

// blocked names the differences with which a role cannot work.
func blocked(differences []Difference) error {
	var named []string
	for _, d := range differences {
		if d.Blocks {
			named = append(named, d.String())
		}
	}
	if len(named) == 0 {
		return nil
	}
	return fmt.Errorf("%s: run \"lazisync migrate\"", strings.Join(named, "; "))
}

func (c *Conn) consumerReady(ctx context.Context, name string) error {
	stream, declared, ok := findConsumer(name)
	if !ok {
		return fmt.Errorf("consumer %q is not declared", name)
	}
	info, err := c.consumerInfo(ctx, stream, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return lookupError("stream "+stream, err)
	}
	if err != nil {
		return lookupError("consumer "+stream+"/"+name, err)
	}
	return blocked(compareConsumer(stream, declared, info.Config))
}

func lookupError(object string, err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("%s is missing, run \"lazisync migrate\": %w", object, err)
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", object, err)
	}
	return nil
}

// CheckStore says why an event on one of the subjects would not be stored, or nil: this
// user may publish on them, and their streams are there, are not sealed, have room and
// took the last event.
func (c *Conn) CheckStore(ctx context.Context, subjects ...string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	looked := map[string]bool{}
	for _, subject := range subjects {
		in, known := streamOf(subject)
		if !known || in.volatile() {
			continue
		}
		if err := c.CheckPublish(ctx, subject); err != nil {
			return err
		}
		if looked[in.config.Name] {
			continue
		}
		looked[in.config.Name] = true
		if err := c.hasRoom(ctx, in.config.Name); err != nil {
			return err
		}
		if err := c.publishing.of(in.config.Name); err != nil {
			return fmt.Errorf("publish to stream %s: %w", in.config.Name, err)
		}
	}
	return nil
}

func (c *Conn) hasRoom(ctx context.Context, name string) error {
	found, err := c.js.Stream(ctx, name)
	if err != nil {
		return lookupError("stream "+name, err)
	}
	info := found.CachedInfo()
	return fullError(info.Config, info.State)
}

func fullError(config jetstream.StreamConfig, state jetstream.StreamState) error {
	if config.Discard != jetstream.DiscardNew {
		return nil
	}
	if config.MaxBytes > 0 && config.MaxBytes-int64(state.Bytes) < fullReserve { //nolint:gosec // a stream's bytes fit
		return fmt.Errorf("stream %s: %w: %d of %d bytes are used, \"nats stream edit %[1]s --max-bytes\" gives it room", config.Name, ErrFull, state.Bytes, config.MaxBytes)
	}
	if config.MaxMsgs > 0 && int64(state.Msgs) >= config.MaxMsgs { //nolint:gosec // a number of messages fits
		return fmt.Errorf("stream %s: %w: it has %d messages, the most that max_msgs allows", config.Name, ErrFull, state.Msgs)
	}
	return nil
}

// troubles are the last errors of things that are tried again and again, by the thing.
type troubles struct {
	limit time.Duration // after which an error says nothing any more; 0 for never

	mu   sync.Mutex
	last map[string]trouble
}

type trouble struct {
	err error
	at  time.Time
}

func (t *troubles) failed(thing string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string]trouble{}
	}
	t.last[thing] = trouble{err, time.Now()}
}

func (t *troubles) worked(thing string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, thing)
}

func (t *troubles) of(thing string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.last[thing]
	if t.limit > 0 && time.Since(last.at) > t.limit {
		return nil
	}
	return last.err
}
