package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Declare creates what is missing of the streams and consumers and mends what
// differs. It leaves alone what is not declared: replicas, placement, metadata.
// It returns one line per change; a second call changes nothing.
func (c *Conn) Declare(ctx context.Context) ([]string, error) {
	var changes []string
	for _, want := range topology() {
		done, err := c.declareStream(ctx, want.config)
		if err != nil {
			return changes, fmt.Errorf("declare stream %s: %w", want.config.Name, err)
		}
		changes = append(changes, done...)
		for _, consumer := range want.consumers {
			done, err := c.declareConsumer(ctx, want.config.Name, consumer)
			if err != nil {
				return changes, fmt.Errorf("declare consumer %s/%s: %w", want.config.Name, consumer.config.Name, err)
			}
			changes = append(changes, done...)
		}
	}
	return changes, nil
}

// restoreVolatile creates again what a restart of the server lost, if everything
// was declared before: a server that is new to lazisync is left to Declare.
func (c *Conn) restoreVolatile(ctx context.Context) error {
	var lost []jetstream.StreamConfig
	for _, s := range topology() {
		_, err := c.js.Stream(ctx, s.config.Name)
		switch {
		case err == nil:
		case errors.Is(err, jetstream.ErrStreamNotFound) && s.volatile():
			lost = append(lost, s.config)
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return nil
		default:
			return lookupError("stream "+s.config.Name, err)
		}
	}
	for _, config := range lost {
		if _, err := c.declareStream(ctx, config); err != nil {
			return fmt.Errorf("restore stream %s: %w", config.Name, err)
		}
	}
	return nil
}

func (c *Conn) declareStream(ctx context.Context, want jetstream.StreamConfig) ([]string, error) {
	object := "stream " + want.Name
	found, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		want.Replicas = c.replicas
		if _, err := c.js.CreateStream(ctx, want); err != nil {
			return nil, err
		}
		return []string{object + ": created"}, nil
	}
	if err != nil {
		return nil, err
	}
	config := found.CachedInfo().Config
	differences := compareStream(want, config)
	if len(differences) == 0 {
		return nil, nil
	}
	overlay(&config, want, streamFields)
	if _, err := c.js.UpdateStream(ctx, config); err != nil {
		return nil, fmt.Errorf("change %s: %w", describe(differences), err)
	}
	return changed(differences), nil
}

func (c *Conn) declareConsumer(ctx context.Context, stream string, want declaredConsumer) ([]string, error) {
	object := "consumer " + stream + "/" + want.config.Name
	found, err := c.js.Consumer(ctx, stream, want.config.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if _, err := c.js.CreateConsumer(ctx, stream, want.fresh(time.Now())); err != nil {
			return nil, err
		}
		return []string{object + ": created"}, nil
	}
	if err != nil {
		return nil, err
	}
	config := oneFilterStyle(found.CachedInfo().Config)
	differences := compareConsumer(stream, want.config, config)
	if len(differences) == 0 {
		return nil, nil
	}
	overlay(&config, want.config, consumerFields)
	if _, err := c.js.UpdateConsumer(ctx, stream, config); err != nil {
		return nil, fmt.Errorf("change %s: %w", describe(differences), err)
	}
	return changed(differences), nil
}

// fresh is the configuration to create the consumer with.
func (d declaredConsumer) fresh(now time.Time) jetstream.ConsumerConfig {
	config := d.config
	if d.since > 0 {
		start := now.Add(-d.since)
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &start
	}
	return config
}

func changed(differences []Difference) []string {
	lines := make([]string, len(differences))
	for i, d := range differences {
		lines[i] = fmt.Sprintf("%s: %s %s -> %s", d.Object, d.Field, d.Got, d.Want)
	}
	return lines
}
