package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

const (
	stormRequests = 10_000
	stormRounds   = 3 // of each storm; the table has the medians
	stormLimit    = 5 * time.Minute
)

// storm is the cost of answering stormRequests requests.
type storm struct {
	seconds                                float64
	runs                                   int
	bridge, workers, postgres, natsAndRest float64 // CPU seconds
}

// measureStorm measures how fast one bridge records, answers and acknowledges incremental requests
// that wait in the stream, in turn with a bare consumer, since the load of a machine changes. One
// worker serves the requests meanwhile.
func measureStorm(ctx context.Context, d *deployment) ([]table, error) {
	for name, count := range map[string]int{"bridge": 1, "worker": 1, "notifier": 0, "gateway": 0} {
		if err := d.setRole(ctx, name, count); err != nil {
			return nil, err
		}
	}
	tenants := make([]string, stormTenants)
	for i := range tenants {
		tenants[i] = tenantOf(stormTenant + i)
	}
	d.progress("storm: first sync of %d tenants", len(tenants))
	if _, _, err := d.sync(ctx, events.Incremental, tenants); err != nil {
		return nil, err
	}
	t := table{
		Title: fmt.Sprintf("%d incremental requests that wait in the stream, one bridge and one worker: median of %d rounds in turn", stormRequests, stormRounds),
		Columns: []string{"consumer", "requests/s", "share of the bare consumer", "runs", "bridge, CPU µs per request", "PostgreSQL", "worker",
			"NATS, Temporal and the bare consumer"},
	}
	names := []string{"bare consumer", "lazisync, one tenant", fmt.Sprintf("lazisync, %d tenants", stormTenants)}
	measured := map[string][]storm{}
	for round := range stormRounds {
		d.progress("storm: round %d of %d", round+1, stormRounds)
		for i, measure := range []func() (storm, error){
			func() (storm, error) { return d.measureBareStorm(ctx) },
			func() (storm, error) { return d.measureStormOf(ctx, tenants[:1]) },
			func() (storm, error) { return d.measureStormOf(ctx, tenants) },
		} {
			one, err := measure()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", names[i], err)
			}
			d.progress("storm: %s: %+v", names[i], one)
			measured[names[i]] = append(measured[names[i]], one)
		}
	}
	bare := medianOf(measured[names[0]], func(s storm) float64 { return s.seconds })
	for _, name := range names {
		all := measured[name]
		seconds := medianOf(all, func(s storm) float64 { return s.seconds })
		row := []any{name, stormRequests / seconds, fmt.Sprintf("%.0f %%", 100*bare/seconds), int(medianOf(all, func(s storm) float64 { return float64(s.runs) }))}
		for _, cpu := range []func(storm) float64{
			func(s storm) float64 { return s.bridge }, func(s storm) float64 { return s.postgres },
			func(s storm) float64 { return s.workers }, func(s storm) float64 { return s.natsAndRest },
		} {
			row = append(row, 1e6*medianOf(all, cpu)/stormRequests)
		}
		t.Rows = append(t.Rows, row)
	}
	return []table{t}, nil
}

func medianOf(all []storm, value func(storm) float64) float64 {
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = value(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// measureStormOf measures requests of the tenants in turn. They are published while the consumer of
// the bridge is paused, so that the time has none of the publishing.
func (d *deployment) measureStormOf(ctx context.Context, tenants []string) (s storm, err error) {
	js, err := jetstream.New(d.nc)
	if err != nil {
		return s, err
	}
	if _, err := js.PauseConsumer(ctx, stream.StreamCommands, stream.ConsumerRequests, time.Now().Add(stormLimit)); err != nil {
		return s, fmt.Errorf("pause the consumer of the bridge: %w", err)
	}
	ids, err := publishStorm(ctx, js, "sync.requested", tenants)
	if err != nil {
		return s, err
	}
	answers, err := d.answers(ctx, js)
	if err != nil {
		return s, err
	}
	if _, err := d.sql.Exec(ctx, "checkpoint"); err != nil {
		return s, err
	}
	s, err = d.stopwatch(ctx, js, stream.StreamCommands, stream.ConsumerRequests, func() error {
		_, err := js.ResumeConsumer(ctx, stream.StreamCommands, stream.ConsumerRequests)
		return err
	})
	if err != nil {
		return s, err
	}
	after, err := d.answers(ctx, js)
	if err != nil {
		return s, err
	}
	if after-answers != stormRequests {
		return s, fmt.Errorf("answers: got %d, want %d", after-answers, stormRequests)
	}
	all, err := d.awaitCompleted(ctx, ids)
	runs := map[int64]bool{}
	for _, one := range all {
		runs[one.RunNumber] = true
	}
	s.runs = len(runs)
	return s, err
}

// stopwatch measures from the first delivery, which is up to a second after a paused consumer is resumed, until the
// consumer has nothing to deliver and every acknowledgement.
func (d *deployment) stopwatch(ctx context.Context, js jetstream.JetStream, in, consumer string, start func() error) (s storm, err error) {
	before, started := d.cpu(), make(chan error, 1)
	go func() { started <- start() }()
	var began time.Time
	for late := time.Now().Add(stormLimit); ; time.Sleep(5 * time.Millisecond) {
		c, err := js.Consumer(ctx, in, consumer)
		if err != nil {
			return s, err
		}
		info := c.CachedInfo()
		if began.IsZero() && info.NumPending < stormRequests {
			began = time.Now()
		}
		if info.NumPending == 0 && info.NumAckPending == 0 {
			break
		}
		if time.Now().After(late) {
			return s, fmt.Errorf("consumer %s: %d messages to deliver and %d to acknowledge after %s", consumer, info.NumPending, info.NumAckPending, stormLimit)
		}
	}
	took, used := time.Since(began), d.cpu().minus(before)
	return storm{seconds: took.Seconds(), bridge: used.others, workers: used.workers, postgres: used.postgres, natsAndRest: used.servers}, <-started
}

// answers returns the number of answers that the stream has.
func (d *deployment) answers(ctx context.Context, js jetstream.JetStream) (uint64, error) {
	s, err := js.Stream(ctx, stream.StreamEvents)
	if err != nil {
		return 0, err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(events.Accepted.Subject))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[events.Accepted.Subject], nil
}

// publishStorm publishes the requests and returns their request IDs.
func publishStorm(ctx context.Context, js jetstream.JetStream, subject string, tenants []string) (ids []string, err error) {
	began := time.Now().UnixNano()
	for i := range stormRequests {
		event, err := events.Requested.New(events.Attributes{ID: fmt.Sprintf("storm-%d-%d", began, i), Source: source},
			events.RequestData{Mode: events.Incremental, TenantID: tenants[i%len(tenants)]})
		if err != nil {
			return nil, err
		}
		text, err := events.Encode(event)
		if err != nil {
			return nil, err
		}
		m := &nats.Msg{Subject: subject, Data: text, Header: events.Header(event)}
		if _, err := js.PublishMsgAsync(m, jetstream.WithStallWait(10*time.Second)); err != nil {
			return nil, fmt.Errorf("publish %s: %w", subject, err)
		}
		ids = append(ids, events.RequestID(source, event.ID()))
	}
	select {
	case <-js.PublishAsyncComplete():
		return ids, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
