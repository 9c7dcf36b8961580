// Command publisher requests a sync: it publishes a CloudEvent on sync.requested and waits
// for the answer.
//
//	go run ./publisher -mode full -entities customers,jobs -id nightly-2026-03-01
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// source identifies this program. Source and id identify the request: publishing it twice
// starts one sync.
const source = "/examples/publisher"

func main() {
	mode := flag.String("mode", "incremental", "full, incremental or rebuild")
	entities := flag.String("entities", "", "what to sync, separated by commas; the configured set if empty")
	id := flag.String("id", time.Now().UTC().Format(time.RFC3339Nano), "of the request")
	wait := flag.Duration("wait", time.Minute, "for the answer")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *wait)
	defer cancel()
	if err := run(ctx, *mode, *entities, *id); err != nil {
		fmt.Fprintln(os.Stderr, "publisher:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, mode, entities, id string) error {
	event, err := requested(mode, entities, id)
	if err != nil {
		return err
	}
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name("example publisher"))
	if err != nil {
		return fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	answers, err := subscribe(ctx, nc)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := publish(ctx, nc, id, event); err != nil {
			// It may have been stored. Publish it again with the same id.
			fmt.Fprintln(os.Stderr, "publisher:", err)
		}
		// A lost connection loses the answer. The next attempt is answered as a duplicate.
		waiting, cancel := context.WithTimeout(ctx, 15*time.Second)
		answered, err := answer(waiting, answers, requestID(source, id))
		cancel()
		if answered {
			return err
		}
	}
	return fmt.Errorf("no answer to request %s: publish it again with the same id", requestID(source, id))
}

// requested returns the event.
func requested(mode, entities, id string) ([]byte, error) {
	data := map[string]any{"mode": mode}
	if entities != "" {
		names := strings.Split(entities, ",")
		for i := range names {
			names[i] = strings.TrimSpace(names[i])
		}
		data["entities"] = names
	}
	return json.Marshal(map[string]any{
		"specversion": "1.0",
		"id":          id,
		"source":      source,
		"type":        "com.lazi.sync.requested.v1",
		"time":        time.Now().UTC(),
		"data":        data,
	})
}

// subscribe subscribes to answers. Call it before publish.
func subscribe(ctx context.Context, nc *nats.Conn) (<-chan *nats.Msg, error) {
	answers := make(chan *nats.Msg, 1024)
	for _, subject := range []string{"sync.accepted", "sync.rejected"} {
		if _, err := nc.ChanSubscribe(subject, answers); err != nil {
			return nil, fmt.Errorf("subscribe to %s: %w", subject, err)
		}
	}
	if err := nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("subscribe to answers: %w", err)
	}
	return answers, nil
}

// publish returns when the request is stored. It sets no Nats-Msg-Id, because JetStream would
// drop a second attempt without an answer.
func publish(ctx context.Context, nc *nats.Conn, id string, event []byte) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	message := &nats.Msg{Subject: "sync.requested", Data: event, Header: nats.Header{
		"Content-Type": {"application/cloudevents+json"},
	}}
	stored, err := js.PublishMsg(ctx, message)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	fmt.Printf("requested %s (%s %d)\n", requestID(source, id), stored.Stream, stored.Sequence)
	return nil
}

// answer waits for the answer to a request. A rejection is an error.
func answer(ctx context.Context, answers <-chan *nats.Msg, request string) (answered bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case m := <-answers:
			var a struct {
				Data struct {
					RequestID  string `json:"requestId"`
					WorkflowID string `json:"workflowId"`
					Code       string `json:"code"`
					Reason     string `json:"reason"`
				} `json:"data"`
			}
			if json.Unmarshal(m.Data, &a) != nil || a.Data.RequestID != request {
				continue // the answer to another request
			}
			if m.Subject == "sync.rejected" {
				return true, fmt.Errorf("rejected (%s): %s", a.Data.Code, a.Data.Reason)
			}
			fmt.Printf("accepted %s: %s\n", request, a.Data.WorkflowID)
			return true, nil
		}
	}
}

// requestID returns the request ID that answers and outcomes contain.
func requestID(source, id string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	return hex.EncodeToString(sum[:])[:20]
}
