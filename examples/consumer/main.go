// Command consumer is an example of a downstream system: for every outcome it reads the changes
// that the run recorded or, if it recorded none, the rows that it changed, and processes each of
// them exactly once.
//
//	go run ./consumer
//
// Delivery is at least once, so the program records the event as processed in the transaction
// of its work, and acknowledges it afterwards. It can be killed at any time.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outcome has the fields of sync.completed, sync.failed and sync.cancelled that this program
// needs. It ignores other fields, because later versions of lazisync may add some.
type outcome struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	Data   struct {
		TenantID  string   `json:"tenantId"`
		Mode      string   `json:"mode"`
		RunNumber int64    `json:"runNumber"` // 0: the run did not begin
		Part      int      `json:"part"`      // an outcome with many requests is published in parts
		Results   []result `json:"results"`
	} `json:"data"`
}

// result is what the run did to one entity, also if it failed.
type result struct {
	Entity string `json:"entity"`
	// Numbers of rows that the run changed.
	Inserted int64 `json:"inserted"`
	Updated  int64 `json:"updated"`
	Deleted  int64 `json:"deleted"`
	// Number of changes in raw.changes; nil if lazisync did not record all of them.
	Changes *int64 `json:"changes"`
}

// endings are the event types of outcomes. Failed and cancelled runs have stored rows, too.
var endings = map[string]string{
	"com.lazi.sync.completed.v1": "completed",
	"com.lazi.sync.failed.v1":    "failed",
	"com.lazi.sync.cancelled.v1": "cancelled",
}

func main() {
	name := flag.String("name", "example-consumer", "of the durable consumer: NATS remembers its position")
	ackWait := flag.Duration("ack-wait", time.Minute, "after which an event that was not acknowledged is redelivered")
	once := flag.Bool("once", false, "stop after one outcome")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *name, *ackWait, *once); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, ackWait time.Duration, once bool) error {
	db, err := openDatabases(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name(name), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	messages, err := outcomes(ctx, nc, name, ackWait)
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if err := handle(ctx, db, message.Data()); err != nil {
			// The transaction was rolled back. JetStream redelivers the message.
			_ = message.NakWithDelay(10 * time.Second) // otherwise after -ack-wait
			return err
		}
		if err := message.DoubleAck(ctx); err != nil {
			return err // redelivered, and then recognized as processed
		}
		if once {
			return nil
		}
	}
}

// outcomes resumes where this consumer stopped, or begins with the oldest stored outcome.
func outcomes(ctx context.Context, nc *nats.Conn, name string, ackWait time.Duration) (jetstream.MessagesContext, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "SYNC_EVENTS", jetstream.ConsumerConfig{
		Durable:        name,
		FilterSubjects: []string{"sync.completed", "sync.failed", "sync.cancelled"},
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
	})
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", name, err)
	}
	// One at a time: prefetched messages would be redelivered while they wait.
	return consumer.Messages(jetstream.PullMaxMessages(1))
}

// handle processes an outcome, unless it was processed before.
func handle(ctx context.Context, db *databases, event []byte) error {
	var o outcome
	if err := json.Unmarshal(event, &o); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	ended, known := endings[o.Type]
	if !known { // another version of an event that is also published in the known version
		return nil
	}
	if o.Data.RunNumber == 0 || o.Data.Part > 1 {
		return nil
	}
	return pgx.BeginFunc(ctx, db.work, func(tx pgx.Tx) error {
		first, err := markDone(ctx, tx, o)
		if err != nil || !first {
			return err
		}
		for _, r := range o.Data.Results {
			did, err := db.workOn(ctx, tx, o, r)
			if err != nil {
				return fmt.Errorf("run %d, %s: %w", o.Data.RunNumber, r.Entity, err)
			}
			if did != "" {
				fmt.Printf("run %d %s (%s): %s, %s\n", o.Data.RunNumber, ended, o.Data.Mode, strings.ReplaceAll(r.Entity, "\n", " "), did)
			}
		}
		return nil
	})
}
