package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Declare creates what is missing of the streams and consumers and takes back what
// differs, but for what an operator chose. It returns one line per change; a second call
// changes nothing. What it cannot do keeps it from nothing else, and is in the error.
func (c *Conn) Declare(ctx context.Context) ([]string, error) {
	if err := c.checkServer(); err != nil {
		return nil, err
	}
	var changes []string
	var failures []error
	for _, want := range topology() {
		done, err := c.declareStream(ctx, want.config)
		changes = append(changes, done...)
		if err != nil {
			failures = append(failures, fmt.Errorf("declare stream %s: %w", want.config.Name, c.explained(err)))
		}
		for _, consumer := range want.consumers {
			if err != nil && (!isRefused(err) || !c.exists(ctx, want.config.Name)) {
				break
			}
			done, failed := c.declareConsumer(ctx, want.config.Name, consumer)
			changes = append(changes, done...)
			if failed != nil {
				failures = append(failures, fmt.Errorf("declare consumer %s/%s: %w", want.config.Name, consumer.config.Name, c.explained(failed)))
			}
			err = failed
		}
		if err != nil && !isRefused(err) { // no answer: there is none to what follows either
			break
		}
	}
	return changes, errors.Join(failures...)
}

func (c *Conn) exists(ctx context.Context, stream string) bool {
	_, err := c.js.Stream(ctx, stream)
	return err == nil
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
	return c.takeBack(ctx, config, want, differences)
}

// takeBack changes the fields of a stream that differ: all at once, or else as many as the
// server changes one by one.
func (c *Conn) takeBack(ctx context.Context, config, want jetstream.StreamConfig, differences []Difference) ([]string, error) {
	all := config
	overlay(&all, want, differences...)
	_, err := c.js.UpdateStream(ctx, all)
	if err == nil {
		return changed(differences), nil
	}
	if !isRefused(err) {
		return nil, err
	}
	var done, left []Difference
	var refusals []error
	for _, d := range differences {
		one := config
		overlay(&one, want, d)
		if _, err := c.js.UpdateStream(ctx, one); err != nil {
			left, refusals = append(left, d), append(refusals, err)
			continue
		}
		config, done = one, append(done, d)
	}
	if len(left) == 0 {
		return changed(done), nil
	}
	return changed(done), fmt.Errorf("change %s: %w; %s", describe(left), errors.Join(refusals...), recreate(want.Name))
}

// recreate says how to get a stream that the server does not change, and what it costs.
func recreate(stream string) string {
	return fmt.Sprintf("what the server cannot change of a stream needs a new one: "+
		"stop the roles, \"nats stream backup %[1]s FOLDER\" where the messages matter, \"nats stream rm %[1]s\", \"lazisync migrate\"; it costs %[2]s", stream, costs[stream])
}

// costs says, by stream, what is lost with it.
var costs = map[string]string{
	StreamCommands:   "the commands that are not answered yet, which must be published again",
	StreamEvents:     "the events that consumers have not read yet; outcomes stay in raw.sync_runs",
	StreamProgress:   "nothing but the progress of runs under way",
	StreamDeadLetter: "the dead letters: replay those that are needed first",
	StreamAdvisories: "nothing, unless messages were given up in the last minutes",
}

func isRefused(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused)
}

func (c *Conn) declareConsumer(ctx context.Context, stream string, want declaredConsumer) ([]string, error) {
	object := "consumer " + stream + "/" + want.config.Name
	found, err := c.consumerInfo(ctx, stream, want.config.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if _, err := c.js.CreateConsumer(ctx, stream, want.fresh(time.Now())); err != nil {
			return nil, err
		}
		return []string{object + ": created"}, nil
	}
	if err != nil {
		return nil, err
	}
	config := oneFilterStyle(found.Config)
	differences := compareConsumer(stream, want.config, config)
	if len(differences) == 0 {
		return nil, nil
	}
	if slices.ContainsFunc(differences, func(d Difference) bool { return onlyRecreated[d.goName] }) {
		return c.recreateConsumer(ctx, stream, want, found, differences)
	}
	overlay(&config, want.config, differences...)
	if paused := slices.ContainsFunc(differences, isPause); paused { // an update leaves it as it is
		if _, err := c.js.ResumeConsumer(ctx, stream, want.config.Name); err != nil {
			return nil, fmt.Errorf("resume: %w", err)
		}
	}
	if _, err := c.js.UpdateConsumer(ctx, stream, config); err != nil {
		return nil, fmt.Errorf("change %s: %w", describe(differences), err)
	}
	return changed(differences), nil
}

func isPause(d Difference) bool { return d.goName == "PauseUntil" }

// recreateConsumer replaces a consumer that cannot be changed by one that resumes where
// it was: at the first message that is not acknowledged. Those behind it that are
// acknowledged are delivered once more. One that skipped messages when it began starts
// as a new one does.
func (c *Conn) recreateConsumer(
	ctx context.Context, stream string, want declaredConsumer, found *jetstream.ConsumerInfo, differences []Difference,
) ([]string, error) {
	config := want.fresh(time.Now())
	skipped := slices.ContainsFunc(differences, func(d Difference) bool { return d.goName == "DeliverPolicy" })
	if floor := found.AckFloor.Stream; floor > 0 && !skipped {
		config.DeliverPolicy, config.OptStartTime, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, nil, floor+1
	}
	if err := c.js.DeleteConsumer(ctx, stream, want.config.Name); err != nil {
		return nil, fmt.Errorf("change %s, for which the consumer is deleted and created: delete: %w", describe(differences), err)
	}
	if _, err := c.js.CreateConsumer(ctx, stream, config); err != nil {
		return nil, fmt.Errorf("change %s, for which the consumer was deleted: create: %w", describe(differences), err)
	}
	return append(changed(differences), "consumer "+stream+"/"+want.config.Name+": recreated where it was"), nil
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
