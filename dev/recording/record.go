package recording

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Change is a committed change of a row of the ledger. If Op is rows, it is a statement that wrote rows of
// an entity for a run, and After has the run_number and the number of rows.
type Change struct {
	Number  int64 // orders the changes of the same row, and all changes that wait for the same lock
	At      time.Time
	Tx      int64  // transaction
	Process string // application_name, such as "lazisync worker"
	PID     int    // of the server process of the connection
	Table   string // without schema
	Op      string // insert, update, delete or rows
	Before  json.RawMessage
	After   json.RawMessage
}

// Event is a message of a stream.
type Event struct {
	Stored   time.Time // by JetStream
	Sequence uint64
	Subject  string
	ID       string
	Source   string
	Data     json.RawMessage
}

var (
	//go:embed install.sql
	installSQL string
	//go:embed watch.sql
	watchSQL string
)

// DB is a connection or a pool.
type DB interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Install creates the recording in a migrated database and calls Watch. It needs the owner of the database,
// and fails if the recording exists.
func Install(ctx context.Context, db DB) error {
	if _, err := db.Exec(ctx, installSQL); err != nil {
		return fmt.Errorf("create the recording: %w", err)
	}
	return Watch(ctx, db)
}

// Watch empties the recording and creates the triggers of the tables in schema raw. Call it again after the
// schema was recreated or restored. The recording begins with the rows that exist, which are not checked.
func Watch(ctx context.Context, db DB) error {
	if _, err := db.Exec(ctx, watchSQL); err != nil {
		return fmt.Errorf("record the tables of schema raw: %w", err)
	}
	return nil
}

// Read returns the recording in the order of Change.Number.
func Read(ctx context.Context, db DB) ([]Change, error) {
	rows, err := db.Query(ctx, "select seq, at, tx, process, pid, table_name, op, before, after from public.recording order by seq")
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Change])
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	return changes, nil
}
