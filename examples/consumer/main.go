// Command consumer follows what lazisync does, as a downstream system would: for every run
// that ended it reads the rows which that run changed, and does its work with each of them
// exactly once.
//
//	go run ./consumer
//
// Delivery is at least once, so the work and the note that an event is done are one
// transaction; the event is acknowledged after it. This consumer may be killed at any moment.
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

// outcome is what this program needs of sync.completed, sync.failed and sync.cancelled. It
// ignores every other field: later versions of lazisync add some.
type outcome struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	Data   struct {
		TenantID  string `json:"tenantId"`
		Mode      string `json:"mode"`
		RunNumber int64  `json:"runNumber"` // 0: nothing was begun
		Part      int    `json:"part"`      // an outcome of very many requests comes in parts
		Results   []struct {
			Entity string `json:"entity"`
			// Rows that this run changed: also those of an entity that failed.
			Inserted int64 `json:"inserted"`
			Updated  int64 `json:"updated"`
			Deleted  int64 `json:"deleted"`
		} `json:"results"`
	} `json:"data"`
}

// endings are the types of the events that end a run. A run that failed or was cancelled has
// stored rows too.
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
			// Nothing of it is stored. It is redelivered, to this process or another one.
			_ = message.NakWithDelay(10 * time.Second) // without it, after -ack-wait
			return err
		}
		if err := message.DoubleAck(ctx); err != nil {
			return err // redelivered as well, and then known as done
		}
		if once {
			return nil
		}
	}
}

// outcomes begins where this consumer stopped, the first time with all that is kept.
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
	// One at a time: what is fetched ahead would be redelivered while it waits its turn.
	return consumer.Messages(jetstream.PullMaxMessages(1))
}

// handle does the work that an outcome asks for, unless it was done before.
func handle(ctx context.Context, db *databases, event []byte) error {
	var o outcome
	if err := json.Unmarshal(event, &o); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	ended, known := endings[o.Type]
	if !known { // another version of an event that comes in this one too
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
			if r.Inserted+r.Updated+r.Deleted == 0 {
				continue
			}
			n, err := db.workOn(ctx, tx, o, r.Entity)
			if err != nil {
				return fmt.Errorf("run %d, %s: %w", o.Data.RunNumber, r.Entity, err)
			}
			fmt.Printf("run %d %s (%s): %s, %d rows changed\n", o.Data.RunNumber, ended, o.Data.Mode, strings.ReplaceAll(r.Entity, "\n", " "), n)
		}
		return nil
	})
}
