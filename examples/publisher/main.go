// Command publisher requests a sync: it publishes a CloudEvent on sync.requested, and waits for
// the answer and the outcome.
//
//	go run ./publisher -mode full -entities customers,jobs -id nightly-2026-03-01
//
// If it is killed, start it again with the same id: it continues to wait for the same sync.
//
// Exit codes: 0 completed, 1 failed or no outcome, 2 wrong usage, 3 cancelled, 4 rejected,
// 5 completed with skipped entities.
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

// After these times without an event about the request it is published again. The answer to a
// request that was published before contains the outcome, if there is one. So an event that was
// published while the connection was lost is not missed.
const (
	answerTimeout  = 15 * time.Second
	outcomeTimeout = time.Minute
)

func main() {
	mode := flag.String("mode", "incremental", "full, incremental, rebuild or verify")
	entities := flag.String("entities", "", "what to sync, separated by commas; the configured set if empty")
	id := flag.String("id", time.Now().UTC().Format(time.RFC3339Nano), "of the request")
	timeout := flag.Duration("timeout", 24*time.Hour, "for the outcome")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	code, err := run(ctx, *mode, *entities, *id)
	if err != nil {
		fmt.Fprintln(os.Stderr, "publisher:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, mode, entities, id string) (code int, err error) {
	event, err := requested(mode, entities, id)
	if err != nil {
		return exitFailed, err
	}
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name("example publisher"), nats.MaxReconnects(-1))
	if err != nil {
		return exitFailed, fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	messages, err := subscribe(ctx, nc)
	if err != nil {
		return exitFailed, err
	}
	w := &waiter{request: requestID(source, id), messages: messages}
	for ctx.Err() == nil {
		if err := publish(ctx, nc, id, event); err != nil {
			// It may have been stored. Publish it again with the same id.
			fmt.Fprintln(os.Stderr, "publisher:", err)
		}
		if code, ended, err := w.wait(ctx); ended {
			return code, err
		}
	}
	return exitFailed, fmt.Errorf("no outcome of request %s: publish it again with the same id", w.request)
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
		"data":        data,
	})
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

// requestID returns the request ID that answers and outcomes contain.
func requestID(source, id string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	return hex.EncodeToString(sum[:])[:20]
}
