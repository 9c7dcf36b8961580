// Command consumer follows what lazisync does, as a downstream system would: for every
// run that ended it reads from PostgreSQL exactly the rows which that run changed.
//
//	go run ./consumer
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
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outcome is what this program needs of sync.completed, sync.failed and sync.cancelled.
type outcome struct {
	Type string `json:"type"`
	Data struct {
		TenantID  string `json:"tenantId"`
		Mode      string `json:"mode"`
		RunNumber int64  `json:"runNumber"` // 0: nothing was begun
		Part      int    `json:"part"`      // an outcome of very many requests comes in parts
		Results   []struct {
			Entity string `json:"entity"`
		} `json:"results"`
	} `json:"data"`
}

func main() {
	name := flag.String("name", "example-consumer", "of the durable consumer: it remembers how far you are")
	once := flag.Bool("once", false, "stop after one outcome")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := follow(ctx, *name, *once); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func follow(ctx context.Context, name string, once bool) error {
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return fmt.Errorf("connect to DATABASE_URL: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name(name), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to NATS_URL: %w", err)
	}
	defer nc.Close()
	messages, err := outcomes(ctx, nc, name)
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
			// It comes again. Handle an outcome so that twice is the same as once.
			fmt.Fprintln(os.Stderr, "consumer:", err)
			if err := message.NakWithDelay(10 * time.Second); err != nil {
				return err
			}
			continue
		}
		if err := message.DoubleAck(ctx); err != nil {
			return err
		}
		if once {
			return nil
		}
	}
}

// outcomes begins where this consumer stopped, the first time with all that is kept.
func outcomes(ctx context.Context, nc *nats.Conn, name string) (jetstream.MessagesContext, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "SYNC_EVENTS", jetstream.ConsumerConfig{
		Durable:        name,
		FilterSubjects: []string{"sync.completed", "sync.failed", "sync.cancelled"},
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", name, err)
	}
	return consumer.Messages()
}

// handle reads the rows that a run changed, also those of one that failed or was
// cancelled: what it stored stays. A row that a later run changed again is found there.
func handle(ctx context.Context, db *pgx.Conn, event []byte) error {
	var o outcome
	if err := json.Unmarshal(event, &o); err != nil {
		return err
	}
	if o.Data.RunNumber == 0 || o.Data.Part > 1 {
		return nil
	}
	for _, r := range o.Data.Results {
		changed, example, err := changedRows(ctx, db, r.Entity, o.Data.TenantID, o.Data.RunNumber)
		if err != nil {
			return err
		}
		ended := strings.TrimSuffix(strings.TrimPrefix(o.Type, "com.lazi.sync."), ".v1")
		fmt.Printf("run %d %s (%s): %s, %d rows changed%s\n", o.Data.RunNumber, ended, o.Data.Mode, r.Entity, changed, example)
	}
	return nil
}

func changedRows(ctx context.Context, db *pgx.Conn, entity, tenant string, run int64) (n int, example string, err error) {
	table := pgx.Identifier{"raw", "st_" + entity}.Sanitize()
	rows, err := db.Query(ctx, "select st_id::text, deleted_at is not null, full_data from "+table+
		" where tenant_id = $1 and run_number = $2 order by st_id", tenant, run)
	if err != nil {
		return 0, "", err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var (
			id      string
			deleted bool
			record  struct {
				Name string `json:"name"`
			}
		)
		if err := rows.Scan(&id, &deleted, &record); err != nil {
			return 0, "", err
		}
		if n == 0 { // here your program would do its work with every row
			example = fmt.Sprintf(", for example %s %s", id, record.Name)
		}
	}
	return n, example, rows.Err()
}
