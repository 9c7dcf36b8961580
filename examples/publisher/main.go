// Command publisher asks lazisync for a sync, as any program can: it publishes a
// CloudEvent on sync.requested.
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

// source says who asks. With the id it is the identity of the request: the same twice is
// the same request, and begins nothing twice.
const source = "/examples/publisher"

func main() {
	mode := flag.String("mode", "incremental", "full, incremental or rebuild")
	entities := flag.String("entities", "", "what to sync, separated by commas; the configured set if empty")
	id := flag.String("id", time.Now().UTC().Format(time.RFC3339Nano), "of the request")
	flag.Parse()
	if err := publish(*mode, *entities, *id); err != nil {
		fmt.Fprintln(os.Stderr, "publisher:", err)
		os.Exit(1)
	}
}

func publish(mode, entities, id string) error {
	data := map[string]any{"mode": mode}
	if entities != "" {
		data["entities"] = strings.Split(entities, ",")
	}
	event, err := json.Marshal(map[string]any{
		"specversion": "1.0",
		"id":          id,
		"source":      source,
		"type":        "com.lazi.sync.requested.v1",
		"time":        time.Now().UTC(),
		"data":        data,
	})
	if err != nil {
		return err
	}
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name("example publisher"))
	if err != nil {
		return fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	message := &nats.Msg{Subject: "sync.requested", Data: event, Header: nats.Header{
		"Content-Type": {"application/cloudevents+json"},
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// Once this returns the request is stored, and will be answered. A publish that
	// failed may have arrived all the same: publish it again with the same id.
	stored, err := js.PublishMsg(ctx, message)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	fmt.Printf("requested %s (%s %d)\n", requestID(source, id), stored.Stream, stored.Sequence)
	return nil
}

// requestID is how lazisync names the request in its answers and outcomes.
func requestID(source, id string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + id))
	return hex.EncodeToString(sum[:])[:20]
}
