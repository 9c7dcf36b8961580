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

// fullReserve is the free space below which a stream counts as full: one event may need it.
const fullReserve = 64 << 10

// Ready returns an error if messages of the named consumers cannot be consumed: the connection
// is lost, a stream other than the memory stream or a consumer is missing, has no leader or
// differs too much from its declaration, this NATS user may not acknowledge, or the last fetch
// failed.
func (c *Conn) Ready(ctx context.Context, consumers ...string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if err := c.checkServer(); err != nil {
		return err
	}
	for _, s := range topology() {
		if s.inMemory() {
			continue
		}
		found, err := c.js.Stream(ctx, s.config.Name)
		if err != nil {
			return c.withRemedy(lookupError("stream "+s.config.Name, err))
		}
		info := found.CachedInfo()
		if err := blockingError(compareStream(s.config, info.Config)); err != nil {
			return err
		}
		if err := checkLeader("stream "+s.config.Name, info.Cluster); err != nil {
			return c.withRemedy(err)
		}
	}
	for _, name := range consumers {
		if err := c.consumerReady(ctx, name); err != nil {
			return c.withRemedy(err)
		}
		if err := c.CheckAcknowledge(ctx, name); err != nil {
			return err
		}
		if err := c.fetching.get(name); err != nil {
			return fmt.Errorf("fetch messages from consumer %s: %w", name, err)
		}
	}
	return nil
}

// blockingError returns an error with the differences that block a role, nil if there are none.
func blockingError(differences []Difference) error {
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

// consumerReady returns an error if a consumer is missing, has no leader or differs too much from
// its declaration.
func (c *Conn) consumerReady(ctx context.Context, name string) error {
	stream, declared, err := findConsumer(name)
	if err != nil {
		return err
	}
	info, err := c.consumerInfo(ctx, stream, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return lookupError("stream "+stream, err)
	}
	if err != nil {
		return lookupError("consumer "+stream+"/"+name, err)
	}
	if err := blockingError(compareConsumer(stream, declared, info.Config)); err != nil {
		return err
	}
	return checkLeader("consumer "+stream+"/"+name, info.Cluster)
}

// lookupError returns the error of a lookup of a stream or consumer, nil if err is nil.
func lookupError(object string, err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("%s is missing, run \"lazisync migrate\": %w", object, err)
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", object, err)
	}
	return nil
}

// CheckStore returns an error if events on one of the subjects would not be stored: this NATS
// user may not publish, a stream is missing, sealed or full, or the last publish failed.
func (c *Conn) CheckStore(ctx context.Context, subjects ...string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	checked := map[string]bool{}
	for _, subject := range subjects {
		in, known := findStream(subject)
		if !known || in.inMemory() {
			continue
		}
		if err := c.CheckPublish(ctx, subject); err != nil {
			return err
		}
		if checked[in.config.Name] {
			continue
		}
		checked[in.config.Name] = true
		if err := c.hasRoom(ctx, in.config.Name); err != nil {
			return err
		}
		if err := c.publishing.get(in.config.Name); err != nil {
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
		return fmt.Errorf("stream %s: %w: %d of %d bytes are used, raise the limit with \"nats stream edit %[1]s --max-bytes\"", config.Name, ErrFull, state.Bytes, config.MaxBytes)
	}
	if config.MaxMsgs > 0 && int64(state.Msgs) >= config.MaxMsgs { //nolint:gosec // a number of messages fits
		return fmt.Errorf("stream %s: %w: it has %d messages, the maximum of max_msgs", config.Name, ErrFull, state.Msgs)
	}
	return nil
}

// recentErrors holds the last error of each operation that is retried. It is safe for
// concurrent use.
type recentErrors struct {
	maxAge time.Duration // how long an error counts; 0 means forever

	mu   sync.Mutex
	last map[string]recentError
}

type recentError struct {
	err error
	at  time.Time
}

func (r *recentErrors) record(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]recentError{}
	}
	r.last[name] = recentError{err, time.Now()}
}

func (r *recentErrors) clear(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, name)
}

func (r *recentErrors) get(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last[name]
	if r.maxAge > 0 && time.Since(last.at) > r.maxAge {
		return nil
	}
	return last.err
}
