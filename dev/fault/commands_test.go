package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

const testSource = "/fault/tests"

// publishedCommand is a command that was published, perhaps several times: publishers without an
// acknowledgement publish again.
type publishedCommand struct {
	id      string // of the event
	kind    events.Kind
	refused bool // it must be rejected
	stored  bool // JetStream acknowledged it
	setBack bool // PostgreSQL was restored to a time when it had not ended
	reason  string
}

func (a *publishedCommand) requestID() string { return events.RequestID(testSource, a.id) }

// request publishes a sync.requested until JetStream has it.
func (r *rig) request(t *testing.T, data string) *publishedCommand {
	t.Helper()
	a := r.note(events.KindRequest)
	require.NoError(t, r.publish(t.Context(), a, "sync.requested", data))
	return a
}

// full and incremental request a sync of that mode.
func (r *rig) full(t *testing.T) *publishedCommand {
	t.Helper()
	return r.request(t, `{"mode":"full"}`)
}

// fullInProgress returns the last full sync, or requests another one if that is complete.
func (r *rig) fullInProgress(t *testing.T, last *publishedCommand) *publishedCommand {
	t.Helper()
	if r.state(t, last) != "completed" {
		return last
	}
	return r.full(t)
}
func (r *rig) incremental(t *testing.T) *publishedCommand {
	t.Helper()
	return r.request(t, `{"mode":"incremental"}`)
}

// control publishes a sync.control until JetStream stores it. Its reason identifies it.
func (r *rig) control(t *testing.T, action, workflowID string) *publishedCommand {
	t.Helper()
	a := r.note(events.KindControl)
	require.NoError(t, r.publishControl(t.Context(), a, action, workflowID))
	return a
}

func (r *rig) publishControl(ctx context.Context, a *publishedCommand, action, workflowID string) error {
	return r.publish(ctx, a, "sync.control", fmt.Sprintf(`{"action":%q,"workflowId":%q,"reason":%q}`, action, workflowID, a.reason))
}

// note remembers a command before it is published.
func (r *rig) note(kind events.Kind) *publishedCommand {
	id := uuid.NewString()
	a := &publishedCommand{id: id, kind: kind, reason: "because of " + id}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.issued = append(r.issued, a)
	return a
}

// commands returns the stored commands of a kind.
func (r *rig) commands(kind events.Kind) (list []*publishedCommand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.issued {
		if a.kind == kind && a.stored {
			list = append(list, a)
		}
	}
	return list
}

// publish publishes a command until JetStream acknowledges it.
func (r *rig) publish(ctx context.Context, a *publishedCommand, subject, data string) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for {
		err := r.publishOnce(ctx, a, subject, data)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (r *rig) publishOnce(ctx context.Context, a *publishedCommand, subject, data string) error {
	text, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": a.id, "source": testSource, "type": "com.lazi." + subject + ".v1",
		"datacontenttype": "application/json", "data": json.RawMessage(data),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	message := &nats.Msg{Subject: subject, Data: text, Header: nats.Header{"Content-Type": {"application/cloudevents+json"}}}
	if _, err = r.js.PublishMsg(ctx, message, jetstream.WithRetryAttempts(0)); err == nil {
		r.mu.Lock()
		a.stored = true
		r.mu.Unlock()
	}
	return err
}

// bad publishes a command that can only be rejected.
func (r *rig) bad(t *testing.T) *publishedCommand {
	t.Helper()
	a := r.note(events.KindRequest)
	a.refused = true
	require.NoError(t, r.publish(t.Context(), a, "sync.requested", `{"mode":"full","entities":["custmers"]}`))
	return a
}
