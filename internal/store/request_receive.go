package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// requestColumns are the columns that scanRequest reads, of a table with alias q.
const requestColumns = `q.request_id, q.source, q.event_id, q.digest, q.tenant_id, q.mode, q.entities, q.ids, q.since, q.notify, q.channel,
	q.allow_deletes, q.reason, q.traceparent, q.message, q.state, q.workflow_id, q.first_run_id, coalesce(q.run_number, 0), q.received_at`

// orderByReceived is a stable order of requests, so that an outcome that is published twice lists
// them in the same order.
const orderByReceived = ` order by q.received_at, q.request_id`

func scanRequest(row pgx.CollectableRow) (ledger.Request, error) {
	var q ledger.Request
	err := row.Scan(&q.ID, &q.Source, &q.EventID, &q.Digest, &q.TenantID, &q.Mode, &q.Entities, &q.IDs, &q.Since, &q.Notify, &q.Channel,
		&q.AllowDeletes, &q.Reason, &q.Traceparent, &q.Message, &q.State, &q.WorkflowID, &q.FirstRunID, &q.RunNumber, &q.ReceivedAt)
	return q, err
}

func queryRequests(ctx context.Context, q ddl.Querier, where string, args ...any) ([]ledger.Request, error) {
	return pgx.CollectRows(query(ctx, q, "select "+requestColumns+" from raw.sync_requests q "+where, args...), scanRequest)
}

// listRequests runs queryRequests in a transaction of its own.
func (s *Store) listRequests(ctx context.Context, what, where string, args ...any) ([]ledger.Request, error) {
	return readValue(ctx, s, what, func(q ddl.Querier) ([]ledger.Request, error) { return queryRequests(ctx, q, where, args...) })
}

// requestRow is an element of the JSON parameter of receiveSQL.
type requestRow struct {
	RequestID    string          `json:"request_id"`
	Source       string          `json:"source"`
	EventID      string          `json:"event_id"`
	Digest       string          `json:"digest"`
	TenantID     events.TenantID `json:"tenant_id"`
	Mode         string          `json:"mode"`
	Entities     []string        `json:"entities"`
	IDs          []string        `json:"ids"`
	Since        *time.Time      `json:"since"`
	Notify       *bool           `json:"notify"`
	Channel      string          `json:"channel"`
	AllowDeletes bool            `json:"allow_deletes"`
	Reason       string          `json:"reason"`
	Traceparent  string          `json:"traceparent"`
	WorkflowID   string          `json:"workflow_id"`
	Message      string          `json:"message"`
	Wait         float64         `json:"wait"`  // seconds
	Place        int             `json:"place"` // index in the batch
}

// receiveSQL inserts requests in the order of their ids, so that two bridges with the same requests
// in another order do not deadlock. It returns what may differ from the request: texts without what
// PostgreSQL cannot store, and the time.
const receiveSQL = `
insert into raw.sync_requests (request_id, source, event_id, digest, tenant_id, mode, entities, ids, since, notify, channel,
	allow_deletes, reason, traceparent, message, workflow_id, received_at)
select request_id, source, event_id, digest, tenant_id, mode, entities, ids, since, notify, channel,
	allow_deletes, reason, traceparent, message, workflow_id, clock_timestamp() + make_interval(secs => wait)
from jsonb_to_recordset($1::jsonb) as q (request_id text, source text, event_id text, digest text, tenant_id bigint, mode text,
	entities text[], ids text[], since timestamptz, notify boolean, channel text, allow_deletes boolean, reason text, traceparent text, message text,
	workflow_id text, wait float8, place int)
where not exists (select from raw.sync_controls where control_id = request_id)
order by request_id, place
on conflict (request_id) do nothing
returning request_id, channel, reason, received_at`

// Receive records requests and returns one receipt per request, in order, with the request that
// the ledger has under its identity. The first request with an identity is kept: a repeat changes
// nothing. A request with the identity of a control is a conflict and is not recorded.
//
// If the response of PostgreSQL was lost, a request may be reported as repeated although this call
// recorded it. Its message is then the same.
func (s *Store) Receive(ctx context.Context, requests []ledger.Request) ([]ledger.Receipt, error) {
	rows := make([]requestRow, len(requests))
	for i, q := range requests {
		if _, err := events.ParseTenantID(string(q.TenantID)); err != nil { // JSON has it as it is
			return nil, fmt.Errorf("receive request %s: tenant ID: %w", q.ID, err)
		}
		rows[i] = requestRow{
			RequestID: q.ID, Source: q.Source, EventID: q.EventID, Digest: q.Digest, TenantID: q.TenantID, Mode: string(q.Mode),
			Entities: q.Entities, IDs: q.IDs, Since: q.Since, Notify: q.Notify, Channel: q.Channel, AllowDeletes: q.AllowDeletes, Reason: q.Reason,
			Traceparent: q.Traceparent, Message: q.Message, WorkflowID: q.WorkflowID, Wait: q.Wait.Seconds(), Place: i,
		}
	}
	batch, err := document(rows)
	if err != nil {
		return nil, fmt.Errorf("receive requests: %w", err)
	}
	var receipts []ledger.Receipt
	err = s.transact(ctx, fmt.Sprintf("receive %d requests", len(requests)), func(tx pgx.Tx) error {
		if err := planForMany(ctx, tx, len(requests)); err != nil {
			return err
		}
		inserted, err := insertRequests(ctx, tx, batch, requests)
		if err != nil {
			return err
		}
		var others []string
		for _, q := range requests {
			if _, isNew := inserted[q.ID]; !isNew {
				others = append(others, q.ID)
			}
		}
		known, err := readReceipts(ctx, tx, others)
		if err != nil {
			return err
		}
		receipts = receiptsFor(requests, inserted, known)
		return nil
	})
	return receipts, err
}

// insertRequests inserts the requests that the ledger does not have, from their rows, and returns
// them as recorded, by ID.
func insertRequests(ctx context.Context, tx pgx.Tx, rows *string, requests []ledger.Request) (map[string]ledger.Request, error) {
	first := make(map[string]ledger.Request, len(requests))
	for _, q := range requests {
		if _, again := first[q.ID]; !again {
			q.State, q.Wait = ledger.Received, 0
			first[q.ID] = q
		}
	}
	inserted := make(map[string]ledger.Request, len(requests))
	var r ledger.Request
	_, err := pgx.ForEachRow(query(ctx, tx, receiveSQL, rows), []any{&r.ID, &r.Channel, &r.Reason, &r.ReceivedAt}, func() error {
		q := first[r.ID]
		q.Channel, q.Reason, q.ReceivedAt = r.Channel, r.Reason, r.ReceivedAt
		inserted[q.ID] = q
		return nil
	})
	return inserted, err
}

// receiptsFor returns the receipts of requests in order. Of several with one identity in the same
// batch, only the first is new.
func receiptsFor(requests []ledger.Request, inserted map[string]ledger.Request, known map[string]ledger.Receipt) []ledger.Receipt {
	receipts := make([]ledger.Receipt, len(requests))
	for i, q := range requests {
		r := known[q.ID]
		r.Repeated = true
		if request, isNew := inserted[q.ID]; isNew {
			r = ledger.Receipt{Request: request}
			known[q.ID] = r
			delete(inserted, q.ID)
		}
		r.Conflict = r.Digest != q.Digest && (r.Message == "" || r.Message != q.Message) // a redelivered message does not conflict with itself
		receipts[i] = r
	}
	return receipts
}

// readReceipts reads requests by ID with their outcomes.
func readReceipts(ctx context.Context, q ddl.Querier, ids []string) (map[string]ledger.Receipt, error) {
	receipts := make(map[string]ledger.Receipt, len(ids))
	if len(ids) == 0 {
		return receipts, nil
	}
	found, err := queryRequests(ctx, q, "where q.request_id = any($1)", ids)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, 0, len(found))
	for _, r := range found {
		receipts[r.ID] = ledger.Receipt{Request: r}
		numbers = append(numbers, r.RunNumber)
	}
	rows := query(ctx, q, `select run_number, state, jsonb_path_query_array(results, '$[*] ? (@.status == "skipped").entity')
		from raw.sync_runs where run_number = any($1) and state <> 'running'`, numbers)
	outcomes := map[int64]ledger.Outcome{}
	var o ledger.Outcome
	if _, err := pgx.ForEachRow(rows, []any{&o.RunNumber, &o.State, &o.Skipped}, func() error {
		if len(o.Skipped) == 0 {
			o.Skipped = nil
		}
		outcomes[o.RunNumber], o = o, ledger.Outcome{}
		return nil
	}); err != nil {
		return nil, err
	}
	for id, r := range receipts {
		if outcome, ok := outcomes[r.RunNumber]; ok {
			r.Outcome = &outcome
			receipts[id] = r
		}
	}
	return receipts, nil
}

// Request reads one request with its outcome. It fails with ledger.ErrUnknown if the request does
// not exist.
func (s *Store) Request(ctx context.Context, id string) (ledger.Receipt, error) {
	return readValue(ctx, s, fmt.Sprintf("read request %q", id), func(q ddl.Querier) (ledger.Receipt, error) {
		receipts, err := readReceipts(ctx, q, []string{text(id)})
		receipt, ok := receipts[text(id)]
		if err == nil && !ok {
			err = ledger.ErrUnknown
		}
		return receipt, err
	})
}

// acceptSQL locks requests in the order of their ids, as every statement does. Its second parameter
// is an object of first run IDs by request ID.
const acceptSQL = `
with received as (
	select q.request_id from unnest($1::text[]) a (request_id) join raw.sync_requests q using (request_id)
	where q.state = 'received' order by q.request_id for update of q)
update raw.sync_requests q set state = 'accepted', first_run_id = $2::jsonb ->> q.request_id
from received r where q.request_id = r.request_id
returning q.request_id, q.first_run_id`

// Accept records that Temporal has workflows for requests, given by their first run IDs, and
// returns the first run ID of each request. A request that was accepted before keeps its own.
func (s *Store) Accept(ctx context.Context, firstRunIDs map[string]string) (accepted map[string]string, err error) {
	ids := slices.Collect(maps.Keys(firstRunIDs))
	runs, err := document(firstRunIDs)
	if err != nil {
		return nil, fmt.Errorf("accept %d requests: %w", len(ids), err)
	}
	err = s.transact(ctx, fmt.Sprintf("accept %d requests", len(ids)), func(tx pgx.Tx) error {
		if err := planForMany(ctx, tx, len(ids)); err != nil {
			return err
		}
		accepted = make(map[string]string, len(ids))
		if err := collectFirstRuns(query(ctx, tx, acceptSQL, ids, runs), accepted); err != nil || len(accepted) == len(ids) {
			return err
		}
		return collectFirstRuns(query(ctx, tx, "select request_id, first_run_id from raw.sync_requests where request_id = any($1)", ids), accepted)
	})
	return accepted, err
}

func collectFirstRuns(rows pgx.Rows, into map[string]string) error {
	var id, run string
	_, err := pgx.ForEachRow(rows, []any{&id, &run}, func() error {
		into[id] = run
		return nil
	})
	return err
}

// FindRequests finds the request with an ID, else requests with an event id: at most two, which is
// enough to know that the event id is ambiguous.
func (s *Store) FindRequests(ctx context.Context, ref string) ([]ledger.Request, error) {
	what := fmt.Sprintf("find request %q", ref)
	found, err := s.listRequests(ctx, what, "where q.request_id = $1", text(ref))
	if err != nil || len(found) > 0 {
		return found, err
	}
	return s.listRequests(ctx, what, "where q.event_id = $1"+orderByReceived+" limit 2", text(ref))
}

// Workflow returns what the ledger knows about a workflow ID. It is finished if all of its requests
// and runs have an outcome. The condition of UnclaimedSince is that of Unstarted.
func (s *Store) Workflow(ctx context.Context, workflowID string) (ledger.WorkflowState, error) {
	var w ledger.WorkflowState
	var unclaimed *time.Time
	err := s.read(ctx, fmt.Sprintf("read workflow %q", workflowID), func(q ddl.Querier) error {
		return q.QueryRow(ctx, `
			select count(*) > 0,
				count(*) > 0
				and count(*) filter (where q.run_number is null or r.state = 'running') = 0
				and not exists (select from raw.sync_runs where workflow_id = $1 and state = 'running'),
				coalesce(max(q.run_number), 0),
				min(q.received_at) filter (where q.run_number is null and (q.state = 'received' or q.mode = $2))
			from raw.sync_requests q left join raw.sync_runs r using (run_number)
			where q.workflow_id = $1`, text(workflowID), events.Incremental).Scan(&w.Known, &w.Finished, &w.LastRun, &unclaimed)
	})
	if unclaimed != nil {
		w.UnclaimedSince = *unclaimed
	}
	return w, err
}
