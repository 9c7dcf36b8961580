package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

const (
	// heartbeatEvery is the interval of the heartbeats of a slice. A heartbeat also returns
	// whether the slice was cancelled; at this interval a pause stops pages within 2 s.
	heartbeatEvery = 500 * time.Millisecond
	// progressEvery is the least time between two progress events of one entity.
	progressEvery = time.Second
)

// reporter sends heartbeats to Temporal and publishes progress events. It never delays a page.
// A progress event that cannot be published is lost.
type reporter struct {
	publisher Publisher
	source    ledger.Run
	data      events.ProgressData
	began     time.Time
	fetched0  int64                // records read before this slice
	budget    func() time.Duration // how long the next page waits for the rate budget

	mu        sync.Mutex
	published time.Time // when the last event was due, of this slice or possibly the previous one
	at        ledger.Position
	moved     time.Time // when at was reached
	wait      *events.Waiting
	news      bool
	opened    bool
	failed    failures

	stop chan struct{}
	done chan struct{}
}

func newReporter(ctx context.Context, p Publisher, run ledger.Run, entity string, budget func() time.Duration) *reporter {
	data := events.ProgressData{RunData: run.CommonData(), Entity: entity, Phase: events.PhaseQueued}
	data.Requests = events.SplitRequests(data.Requests)[0] // progress is too frequent to be published in parts
	r := &reporter{
		publisher: p, source: run, data: data, began: time.Now(), moved: time.Now(), budget: budget,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if activity.GetInfo(ctx).Attempt > 1 {
		r.published = r.began
	}
	go r.loop(ctx)
	return r
}

// reached records a new position.
func (r *reporter) reached(at ledger.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.opened {
		r.opened, r.fetched0 = true, at.Fetched
		if at.Pages > 0 {
			r.published = r.began
		}
	}
	r.at, r.moved, r.wait, r.news = at, time.Now(), nil, true
}

// noteRateLimit records that the next page of the entity waits for the rate limiter.
func (r *reporter) noteRateLimit() {
	wait := r.budget()
	if wait <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.moved) >= progressEvery {
		r.wait, r.news = &events.Waiting{Why: events.WaitRateLimit, Seconds: wait.Seconds()}, true
	}
}

// waiting records what the entity waits for, and for how long.
func (r *reporter) waiting(why events.WaitReason, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait, r.news = &events.Waiting{Why: why, Seconds: d.Seconds()}, true
}

// noteError records an error of the API that is retried.
func (r *reporter) noteError(err error) {
	why := events.WaitOutage
	if isRateLimited(err) {
		why = events.WaitRateLimit
	}
	r.waiting(why, waitOf(err))
}

// setFailures sets the failures that heartbeats pass to the next attempt.
func (r *reporter) setFailures(f failures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = f
}

// beat sends a heartbeat. The call may block.
func (r *reporter) beat(ctx context.Context) {
	r.mu.Lock()
	f := r.failed
	r.mu.Unlock()
	activity.RecordHeartbeat(ctx, f)
}

// close publishes the last state and stops.
func (r *reporter) close(ctx context.Context) {
	close(r.stop)
	<-r.done
	if r.failed != (failures{}) {
		activity.RecordHeartbeat(ctx, r.failed) // goes out before the failure of the attempt does
	}
}

func (r *reporter) loop(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.beat(ctx)
			r.noteRateLimit()
			r.publishProgress(ctx, false)
		case <-r.stop:
			r.publishProgress(ctx, true)
			return
		}
	}
}

// publishProgress publishes a new state if the last event is at least progressEvery ago. It
// does not block. The last state of an entity, or what it waits for, is delayed instead of
// dropped, because no slice that would publish it follows soon.
func (r *reporter) publishProgress(ctx context.Context, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	early := max(0, progressEvery-time.Since(r.published))
	final := last && (r.at.Done() || r.wait != nil)
	if !r.news || early > 0 && !final {
		return
	}
	r.news, r.published = false, time.Now().Add(early)
	data, ctx := r.snapshot(), context.WithoutCancel(ctx)
	time.AfterFunc(early, func() { r.publish(ctx, data) })
}

func (r *reporter) publish(ctx context.Context, data events.ProgressData) {
	ctx, cancel := context.WithTimeout(ctx, progressEvery)
	defer cancel()
	now := time.Now()
	id := r.source.EventID(events.Progress.Name, data.Entity, now.UnixNano())
	e, err := events.Progress.New(events.Attributes{
		ID: id, Source: ledger.Source, Subject: data.WorkflowID, Time: now, TraceParent: r.source.Traceparent(),
	}, data)
	if err == nil {
		_ = r.publisher.Publish(ctx, e) // progress may be lost
	}
}

func (r *reporter) snapshot() events.ProgressData {
	d := r.data
	d.Phase, d.Waiting = phaseOf(r.at), r.wait
	d.Pages, d.Records = r.at.Pages, r.at.Fetched
	if seconds := time.Since(r.began).Seconds(); seconds > 0 && r.opened {
		d.RecordsPerSecond = float64(r.at.Fetched-r.fetched0) / seconds
	}
	if r.opened && r.at.Total >= 0 {
		total := max(int64(r.at.Total), r.at.Fetched) // a list counts no deleted records, and its feed brings them too
		d.Total = &total
		if d.RecordsPerSecond > 0 {
			eta := int64(float64(total-r.at.Fetched) / d.RecordsPerSecond)
			d.EtaSeconds = &eta
		}
	}
	return d
}

func phaseOf(at ledger.Position) events.Phase {
	switch {
	case at.Done():
		return events.PhaseDone
	case at.Phase != "" && at.Phase != events.PhaseReading:
		return at.Phase
	case at.Pages > 0:
		return events.PhaseReading
	}
	return events.PhaseQueued
}
