package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Declare creates missing streams and consumers and corrects those that differ from their
// declaration, except for allowed changes. It returns one line per change; a second call
// changes nothing. A failure does not stop the remaining declarations; the error joins all
// failures.
func (c *Conn) Declare(ctx context.Context) ([]string, error) {
	if err := c.checkServer(); err != nil {
		return nil, err
	}
	var changes []string
	var failures []error
	for _, want := range c.declarations() {
		done, err := c.declareStream(ctx, want.config)
		changes = append(changes, done...)
		if err != nil {
			failures = append(failures, fmt.Errorf("declare stream %s: %w", want.config.Name, c.withRemedy(err)))
		}
		for _, consumer := range want.consumers {
			if err != nil && (!isAPIError(err) || !c.exists(ctx, want.config.Name)) {
				break
			}
			done, failed := c.declareConsumer(ctx, want.config.Name, consumer)
			changes = append(changes, done...)
			if failed != nil {
				failures = append(failures, fmt.Errorf("declare consumer %s/%s: %w", want.config.Name, consumer.config.Name, c.withRemedy(failed)))
			}
			err = failed
		}
		if err != nil && !isAPIError(err) { // no response: the next calls would get none either
			break
		}
	}
	return changes, errors.Join(failures...)
}

func (c *Conn) exists(ctx context.Context, stream string) bool {
	_, err := c.js.Stream(ctx, stream)
	return err == nil
}

// restoreMemoryStreams creates memory streams again that a restart of the server lost. If
// another stream is missing, too, the server is new and it leaves all to Declare.
func (c *Conn) restoreMemoryStreams(ctx context.Context) error {
	var lost []jetstream.StreamConfig
	for _, s := range c.declarations() {
		_, err := c.js.Stream(ctx, s.config.Name)
		switch {
		case err == nil:
		case errors.Is(err, jetstream.ErrStreamNotFound) && s.inMemory():
			lost = append(lost, s.config)
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return nil
		case c.nc.ConnectedClusterName() != "": // a leader is being elected, and a cluster keeps its memory streams
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
	return c.restoreFields(ctx, config, want, differences)
}

// restoreFields corrects the fields of a stream that differ. If the server rejects the update,
// it corrects them one by one as far as possible.
func (c *Conn) restoreFields(ctx context.Context, config, want jetstream.StreamConfig, differences []Difference) ([]string, error) {
	all := config
	copyFields(&all, want, differences...)
	_, err := c.js.UpdateStream(ctx, all)
	if err == nil {
		return formatChanges(differences), nil
	}
	if !isAPIError(err) {
		return nil, err
	}
	var done, left []Difference
	var refusals []error
	for _, d := range differences {
		one := config
		copyFields(&one, want, d)
		if _, err := c.js.UpdateStream(ctx, one); err != nil {
			left, refusals = append(left, d), append(refusals, err)
			continue
		}
		config, done = one, append(done, d)
	}
	if len(left) == 0 {
		return formatChanges(done), nil
	}
	err = fmt.Errorf("change %s: %w", formatDifferences(left), errors.Join(refusals...))
	if slices.ContainsFunc(left, func(d Difference) bool { return d.goName != "Replicas" }) {
		err = fmt.Errorf("%w; %s", err, recreate(want.Name))
	}
	return formatChanges(done), err
}

// recreate describes how to recreate a stream that the server cannot change, and what is lost
// then.
func recreate(stream string) string {
	return fmt.Sprintf("the server cannot change this, recreate the stream: "+
		"stop the roles, run \"nats stream backup %[1]s FOLDER\" if the messages matter, \"nats stream rm %[1]s\", \"lazisync migrate\"; this loses %[2]s", stream, costs[stream])
}

// costs lists, by stream, what is lost with it.
var costs = map[string]string{
	StreamCommands:   "commands without an answer, which must be published again",
	StreamEvents:     "events that consumers have not read; raw.sync_runs keeps the outcomes",
	StreamProgress:   "only the progress of open runs",
	StreamDeadLetter: "the dead letters: replay those that you need first",
	StreamAdvisories: "nothing, unless messages exceeded their max deliveries in the last minutes",
	StreamIncidents:  "only that open incidents get another Slack message, and that their end is not notified",
}

func isAPIError(err error) bool {
	_, ok := errors.AsType[*jetstream.APIError](err)
	return ok
}

func (c *Conn) declareConsumer(ctx context.Context, stream string, want declaredConsumer) ([]string, error) {
	object := "consumer " + stream + "/" + want.config.Name
	found, err := c.consumerInfo(ctx, stream, want.config.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if _, err := c.js.CreateConsumer(ctx, stream, want.createConfig(time.Now())); err != nil {
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
	if slices.ContainsFunc(differences, func(d Difference) bool { return immutableFields[d.goName] }) {
		return c.recreateConsumer(ctx, stream, want, found, differences)
	}
	copyFields(&config, want.config, differences...)
	if paused := slices.ContainsFunc(differences, isPause); paused { // an update does not resume it
		if _, err := c.js.ResumeConsumer(ctx, stream, want.config.Name); err != nil {
			return nil, fmt.Errorf("resume: %w", err)
		}
	}
	if _, err := c.js.UpdateConsumer(ctx, stream, config); err != nil {
		return nil, fmt.Errorf("change %s: %w", formatDifferences(differences), err)
	}
	return formatChanges(differences), nil
}

func isPause(d Difference) bool { return d.goName == "PauseUntil" }

// recreateConsumer replaces a consumer that cannot be changed by one that resumes at its first
// unacknowledged message. Later messages that are acknowledged are redelivered. A consumer
// that skipped stored messages starts like a new one.
func (c *Conn) recreateConsumer(
	ctx context.Context, stream string, want declaredConsumer, found *jetstream.ConsumerInfo, differences []Difference,
) ([]string, error) {
	config := want.createConfig(time.Now())
	skipped := slices.ContainsFunc(differences, func(d Difference) bool { return d.goName == "DeliverPolicy" })
	if floor := found.AckFloor.Stream; floor > 0 && !skipped {
		config.DeliverPolicy, config.OptStartTime, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, nil, floor+1
	}
	if err := c.js.DeleteConsumer(ctx, stream, want.config.Name); err != nil {
		return nil, fmt.Errorf("change %s: delete the consumer to recreate it: %w", formatDifferences(differences), err)
	}
	if _, err := c.js.CreateConsumer(ctx, stream, config); err != nil {
		return nil, fmt.Errorf("change %s: recreate the deleted consumer: %w", formatDifferences(differences), err)
	}
	return append(formatChanges(differences), "consumer "+stream+"/"+want.config.Name+": recreated, resumes where it was"), nil
}

// createConfig returns the configuration that creates the consumer.
func (d declaredConsumer) createConfig(now time.Time) jetstream.ConsumerConfig {
	config := d.config
	config.Replicas = 0 // those of the stream, also when they change
	if d.since > 0 {
		start := now.Add(-d.since)
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &start
	}
	return config
}

func formatChanges(differences []Difference) []string {
	lines := make([]string, len(differences))
	for i, d := range differences {
		lines[i] = fmt.Sprintf("%s: %s %s -> %s", d.Object, d.Field, d.Got, d.Want)
	}
	return lines
}
