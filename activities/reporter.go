package activities

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	// heartbeatEvery is how often a slice shows that it lives and asks whether it was
	// cancelled: often enough that a pause stops pages within two seconds.
	heartbeatEvery = 500 * time.Millisecond
	// progressEvery is the least time between two progress events of one entity.
	progressEvery = time.Second
	// progressRequests is how many requests a progress event names at most; it comes
	// too often to go out in parts.
	progressRequests = 500
)

// reporter tells the world how far a slice is: heartbeats to Temporal, progress
// events to everybody else. It never holds up a page, and a progress event that
// cannot be published is lost.
type reporter struct {
	publisher Publisher
	source    ledger.Run
	data      events.ProgressData
	began     time.Time
	fetched0  int64 // records read before this slice

	mu     sync.Mutex
	at     ledger.Position
	wait   *events.Waiting
	news   bool
	opened bool

	stop chan struct{}
	done chan struct{}
}

func newReporter(ctx context.Context, p Publisher, run ledger.Run, entity string) *reporter {
	data := events.ProgressData{RunData: run.CommonData(), Entity: entity, Phase: events.PhaseQueued}
	if len(data.Requests) > progressRequests {
		data.Requests = data.Requests[:progressRequests]
	}
	r := &reporter{
		publisher: p, source: run, data: data, began: time.Now(),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go r.loop(ctx)
	return r
}

// reached notes a new position.
func (r *reporter) reached(at ledger.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.opened {
		r.opened, r.fetched0 = true, at.Fetched
	}
	r.at, r.wait, r.news = at, nil, true
}

// waiting notes why the entity does not move, and for how long.
func (r *reporter) waiting(why events.WaitReason, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait, r.news = &events.Waiting{Why: why, Seconds: d.Seconds()}, true
}

// troubled notes an error of the API that is worth another try.
func (r *reporter) troubled(err error) {
	if d := waitOf(err); d > 0 {
		r.waiting(events.WaitRateLimit, d)
		return
	}
	r.waiting(events.WaitOutage, 0)
}

// close publishes what is new and stops.
func (r *reporter) close() {
	close(r.stop)
	<-r.done
}

func (r *reporter) loop(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	var last time.Time
	for {
		select {
		case <-tick.C:
			activity.RecordHeartbeat(ctx)
			if time.Since(last) >= progressEvery && r.publish(ctx) {
				last = time.Now()
			}
		case <-r.stop:
			r.publish(ctx)
			return
		}
	}
}

// publish sends a progress event if there is news, and says whether there was.
func (r *reporter) publish(ctx context.Context) bool {
	data, ok := r.snapshot()
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), progressEvery)
	defer cancel()
	now := time.Now()
	id := fmt.Sprintf("%d/%s/%s/%d", r.source.Number, events.Progress.Name, data.Entity, now.UnixNano())
	e, err := events.Progress.New(events.Attributes{
		ID: id, Source: ledger.Source, Subject: data.WorkflowID, Time: now, TraceParent: r.source.Traceparent(),
	}, data)
	if err == nil {
		_ = r.publisher.Publish(ctx, e) // progress may be lost
	}
	return true
}

func (r *reporter) snapshot() (events.ProgressData, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.news {
		return events.ProgressData{}, false
	}
	r.news = false
	d := r.data
	d.Phase, d.Waiting = phaseOf(r.at), r.wait
	d.Pages, d.Records = r.at.Pages, r.at.Fetched
	if seconds := time.Since(r.began).Seconds(); seconds > 0 && r.opened {
		d.RecordsPerSecond = float64(r.at.Fetched-r.fetched0) / seconds
	}
	if r.opened && r.at.Total >= 0 {
		total := r.at.Total
		d.Total = &total
		if d.RecordsPerSecond > 0 && total >= r.at.Fetched {
			eta := int64(float64(total-r.at.Fetched) / d.RecordsPerSecond)
			d.EtaSeconds = &eta
		}
	}
	return d, true
}

func phaseOf(at ledger.Position) events.Phase {
	switch {
	case at.Done():
		return events.PhaseDone
	case at.Pages > 0:
		return events.PhaseReading
	}
	return events.PhaseQueued
}
