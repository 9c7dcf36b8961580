package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	exitFailed    = 1
	exitCancelled = 3
	exitRejected  = 4
	exitSkipped   = 5
)

// event has the fields of answers and outcomes that this program needs. It ignores other
// fields, because later versions of lazisync may add some.
type event struct {
	Type string `json:"type"`
	Data struct {
		// sync.accepted and sync.rejected
		RequestID  string `json:"requestId"`
		WorkflowID string `json:"workflowId"`
		Reason     string `json:"reason"` // of a rejection or cancellation
		Outcome    *struct {
			Type      string   `json:"type"`
			RunNumber int64    `json:"runNumber"`
			Skipped   []string `json:"skipped"`
		} `json:"outcome"` // of a request that was published before

		// sync.completed, sync.failed and sync.cancelled
		RunNumber int64 `json:"runNumber"` // 0 if absent
		Requests  []struct {
			RequestID string `json:"requestId"`
		} `json:"requests"`
		Results []result `json:"results"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	} `json:"data"`
}

type result struct {
	Entity string `json:"entity"`
	Status string `json:"status"`
}

// subscribe subscribes to answers and outcomes. Call it before publish.
func subscribe(ctx context.Context, nc *nats.Conn) (<-chan *nats.Msg, error) {
	messages := make(chan *nats.Msg, 1024)
	for _, subject := range []string{"sync.accepted", "sync.rejected", "sync.completed", "sync.failed", "sync.cancelled"} {
		if _, err := nc.ChanSubscribe(subject, messages); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
		}
	}
	if err := nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("subscribe to answers: %w", err)
	}
	return messages, nil
}

// waiter waits for the answer to a request and its outcome.
type waiter struct {
	request  string
	messages <-chan *nats.Msg
	accepted bool
}

// wait returns when the request has ended, or when it is time to publish it again.
func (w *waiter) wait(ctx context.Context) (code int, ended bool, err error) {
	timeout := answerTimeout
	if w.accepted {
		timeout = outcomeTimeout
	}
	again := time.After(timeout)
	for {
		select {
		case <-ctx.Done():
			return 0, false, nil
		case <-again:
			return 0, false, nil
		case m := <-w.messages:
			var e event
			if json.Unmarshal(m.Data, &e) != nil {
				continue // a message that the stream refuses, such as an empty one that checks permissions
			}
			if code, ended, err := w.handle(e); ended {
				return code, true, err
			}
		}
	}
}

// handle ignores the events of other requests.
func (w *waiter) handle(e event) (code int, ended bool, err error) {
	switch e.Type {
	case "com.lazi.sync.accepted.v1", "com.lazi.sync.rejected.v1":
		if e.Data.RequestID != w.request {
			return 0, false, nil
		}
		if e.Type == "com.lazi.sync.rejected.v1" {
			return exitRejected, true, fmt.Errorf("rejected: %s", e.Data.Reason)
		}
		if !w.accepted {
			fmt.Printf("accepted %s: %s\n", w.request, e.Data.WorkflowID)
		}
		w.accepted = true
		if o := e.Data.Outcome; o != nil {
			return w.outcome(o.Type, o.RunNumber, len(o.Skipped) > 0, "")
		}
		return 0, false, nil
	}
	for _, r := range e.Data.Requests {
		if r.RequestID == w.request {
			skipped := slices.ContainsFunc(e.Data.Results, func(r result) bool { return r.Status == "skipped" })
			return w.outcome(e.Type, e.Data.RunNumber, skipped, e.Data.Error.Message+e.Data.Reason)
		}
	}
	return 0, false, nil
}

// outcome ignores unknown types: another version of an event that is also published in the
// known version.
func (w *waiter) outcome(eventType string, run int64, skipped bool, reason string) (code int, ended bool, err error) {
	word := ""
	switch eventType {
	case "com.lazi.sync.completed.v1":
		word = "completed"
		if skipped {
			code = exitSkipped
		}
	case "com.lazi.sync.failed.v1":
		word, code = "failed", exitFailed
	case "com.lazi.sync.cancelled.v1":
		word, code = "cancelled", exitCancelled
	default:
		return 0, false, nil
	}
	fmt.Printf("%s %s: run %d\n", word, w.request, run)
	if reason != "" {
		err = errors.New(reason)
	}
	return code, true, err
}
