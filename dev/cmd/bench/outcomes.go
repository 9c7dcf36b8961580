package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/lazi/lazisync/events"
)

const (
	source       = "/bench"
	outcomeLimit = 30 * time.Minute // a rebuild of a million records on a slow machine
)

// outcome is the outcome of a request.
type outcome struct {
	events.OutcomeData
	how     string    // completed, failed or cancelled
	at      time.Time // when it was received
	started time.Time // when sync.started was received, zero if the run began before
}

// outcomes collects the outcomes of requests. It is safe for concurrent use.
type outcomes struct {
	mu       sync.Mutex
	messages int                 // on sync.>, of every kind
	started  map[int64]time.Time // sync.started, by run number
	received map[string]outcome  // by request ID
	changed  chan struct{}       // closed and renewed at each outcome

	subscription *nats.Subscription
}

// listen collects the outcomes from now on.
func listen(nc *nats.Conn) (*outcomes, error) {
	o := &outcomes{received: map[string]outcome{}, started: map[int64]time.Time{}, changed: make(chan struct{})}
	var err error
	if o.subscription, err = nc.Subscribe("sync.>", o.note); err != nil {
		return nil, fmt.Errorf("subscribe to the outcomes: %w", err)
	}
	return o, nc.Flush()
}

// stop ends the collection. What was collected stays.
func (o *outcomes) stop() { _ = o.subscription.Unsubscribe() }

func (o *outcomes) note(m *nats.Msg) {
	var event struct {
		Data events.OutcomeData `json:"data"`
	}
	how := strings.TrimPrefix(m.Subject, "sync.")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages++
	if !slices.Contains([]string{"started", "completed", "failed", "cancelled"}, how) || json.Unmarshal(m.Data, &event) != nil {
		return
	}
	if how == "started" {
		o.started[event.Data.RunNumber] = time.Now()
		return
	}
	for _, r := range event.Data.Requests {
		o.received[r.RequestID] = outcome{event.Data, how, time.Now(), o.started[event.Data.RunNumber]}
	}
	delete(o.started, event.Data.RunNumber)
	close(o.changed)
	o.changed = make(chan struct{})
}

// count returns the number of messages so far.
func (o *outcomes) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.messages
}

// await returns the outcomes of requests, in their order.
func (o *outcomes) await(ctx context.Context, requests []string) ([]outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, outcomeLimit)
	defer cancel()
	for {
		o.mu.Lock()
		changed := o.changed
		var all []outcome
		for _, id := range requests {
			if one, ok := o.received[id]; ok {
				all = append(all, one)
			}
		}
		o.mu.Unlock()
		if len(all) == len(requests) {
			return all, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d requests have no outcome: %w", len(requests)-len(all), len(requests), ctx.Err())
		}
	}
}

// publish publishes a command as another program does, and returns its request ID.
func (d *deployment) publish(subject string, data any) (requestID string, err error) {
	id := uuid.NewString()
	text, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": source, "type": "com.lazi." + subject + ".v1", "data": data,
	})
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", subject, err)
	}
	m := &nats.Msg{Subject: subject, Data: text, Header: nats.Header{"Content-Type": {"application/cloudevents+json"}}}
	if _, err := d.nc.RequestMsg(m, 10*time.Second); err != nil { // JetStream answers when it has stored it
		return "", fmt.Errorf("publish %s: %w", subject, err)
	}
	return events.RequestID(source, id), nil
}

// request requests a sync of a tenant; without entities, of the default ones.
func (d *deployment) request(mode events.Mode, tenant string, entities ...string) (requestID string, err error) {
	data := map[string]any{"mode": mode, "tenantId": tenant, "notify": false}
	if len(entities) > 0 {
		data["entities"] = entities
	}
	return d.publish("sync.requested", data)
}

// sync requests a sync of each tenant at once and returns the outcomes, in the order of the
// tenants, and the time of the requests. Every outcome must be completed.
func (d *deployment) sync(ctx context.Context, mode events.Mode, tenants []string, entities ...string) ([]outcome, time.Time, error) {
	began := time.Now()
	var requests []string
	for _, tenant := range tenants {
		id, err := d.request(mode, tenant, entities...)
		if err != nil {
			return nil, began, err
		}
		requests = append(requests, id)
	}
	all, err := d.awaitCompleted(ctx, requests)
	return all, began, err
}

func (d *deployment) awaitCompleted(ctx context.Context, requests []string) ([]outcome, error) {
	all, err := d.outcomes.await(ctx, requests)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.how != "completed" {
			return nil, fmt.Errorf("run %d of tenant %s: got %s, want completed: %+v", one.RunNumber, one.TenantID, one.how, one.Error)
		}
	}
	return all, nil
}

// durations returns the seconds from began to each outcome, shortest first.
func durations(all []outcome, began time.Time) (seconds []float64) {
	for _, one := range all {
		seconds = append(seconds, one.at.Sub(began).Seconds())
	}
	slices.Sort(seconds)
	return seconds
}

// counts returns the pages and fetched records of outcomes.
func counts(all []outcome) (sum events.Counts) {
	for _, one := range all {
		for _, result := range one.Results {
			sum.Add(result.Counts)
		}
	}
	return sum
}

// await waits for a condition.
func await(ctx context.Context, what string, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, outcomeLimit)
	defer cancel()
	for !condition() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
	return nil
}
