package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/stream"
)

// erasable is a database and streams with data of one customer.
type erasable struct {
	blockers []string
	messages []stream.StoredMessage
	err      error // of the last step
	empty    bool  // nothing has the customer

	steps   []string
	entry   *ledger.AuditEntry
	summary string
}

func (e *erasable) Erase(_ context.Context, what ledger.Erasure, elsewhere []ledger.ErasedPlace, entry *ledger.AuditEntry) (ledger.EraseReport, error) {
	if e.empty {
		return ledger.EraseReport{Records: []ledger.ErasedRecord{{Entity: what.Entity.Name, ID: what.ID}}}, nil
	}
	r := ledger.EraseReport{
		Records: []ledger.ErasedRecord{{Entity: what.Entity.Name, ID: what.ID}, {Entity: "customer_contacts", ID: "7"}},
		Places:  elsewhere, Blockers: e.blockers,
		References: []ledger.EraseReference{{Table: "raw.st_jobs", Column: "customer_id", ID: what.ID, Rows: 2, SQL: "select 1"}},
	}
	r.Add("raw.st_customers", ledger.EraseDeleted, 1)
	if entry != nil {
		e.steps, e.entry, e.summary = append(e.steps, "rows"), entry, r.Summary()
		return r, e.err
	}
	return r, nil
}

func (e *erasable) EraseChanges(_ context.Context, _ ledger.Erasure, ids map[string][]string, apply bool) (int64, error) {
	if apply {
		e.steps = append(e.steps, "changes")
	}
	if e.empty {
		return 0, nil
	}
	return int64(len(ids)), nil
}

func (e *erasable) ForgetMessages(_ context.Context, places []string) error {
	e.steps = append(e.steps, "forget "+strings.Join(places, " "))
	return nil
}

func (e *erasable) ForgetDeadLetters(_ context.Context, keys []ledger.DeadLetterKey) (int64, error) {
	e.steps = append(e.steps, "dead letters")
	return int64(len(keys)), nil
}

func (e *erasable) FindMessages(_ context.Context, match func(events.Message, bool) bool) ([]stream.StoredMessage, error) {
	if !e.empty && !match(events.Message{Data: []byte(`{"entities":["customer_contacts"],"ids":["7"]}`)}, false) {
		return nil, errors.New("the ids of all records are searched")
	}
	return e.messages, nil
}

func (e *erasable) EraseMessages(_ context.Context, messages []stream.StoredMessage) ([]stream.StoredMessage, error) {
	e.steps = append(e.steps, "messages")
	return messages, nil
}

var eraseConfig = &config.Config{Tenants: []config.Tenant{{ID: "1"}, {ID: "2"}}}

func (e *erasable) run(t *testing.T, o cli.EraseOptions) (string, error) {
	t.Helper()
	o.Entity, o.ID, o.TenantID = "customers", "42", "2"
	what, err := o.Resolve(eraseConfig)
	require.NoError(t, err)
	var out strings.Builder
	err = cli.Erase(t.Context(), e, e, what, o, &out)
	return out.String(), err
}

func newErasable() *erasable {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &erasable{messages: []stream.StoredMessage{
		{Stream: stream.StreamCommands, Sequence: 3, Stored: at},
		{Stream: stream.StreamDeadLetter, Sequence: 4, Stored: at},
		{Stream: stream.StreamEvents, Sequence: 5, Stored: at, Expires: at.Add(time.Hour), Kept: "of a test"},
	}}
}

func TestEraseShowsWhatItWouldErase(t *testing.T) {
	t.Parallel()
	e := newErasable()
	e.blockers = []string{"run 3 (full) reads customers"}
	out, err := e.run(t, cli.EraseOptions{})
	require.NoError(t, err)
	require.Empty(t, e.steps, "nothing is changed")
	require.Equal(t, `Would erase customers 42 of tenant 2. Nothing was changed; --yes erases.
With the records that exist only for it: customer_contacts 7.

PLACE             COUNT  EFFECT
raw.st_customers  1      deleted
raw.changes       2      deleted
SYNC_COMMANDS     1      deleted
SYNC_DEADLETTER   1      deleted

Kept: message 5 of SYNC_EVENTS, because of a test; the stream removes it at 2026-03-01T13:00:00Z.

Not possible now: run 3 (full) reads customers.

Other records refer to it and may name the person. They are kept; erase those that you need not keep:
  2 rows in raw.st_jobs.customer_id: select 1

If ServiceTitan still shows the record, the next sync stores it again: erase or anonymize it there first.
Backups, replicas, logs, Slack and programs that read the data are not reached, see docs/privacy.md.
`, out)
	out, err = e.run(t, cli.EraseOptions{JSON: true})
	require.NoError(t, err)
	var view map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &view))
	require.Equal(t, false, view["erased"])
	require.Len(t, view["places"], 4)
}

func TestEraseSaysThatThereIsNothing(t *testing.T) {
	t.Parallel()
	for _, yes := range []bool{false, true} {
		out, err := (&erasable{empty: true}).run(t, cli.EraseOptions{Yes: yes})
		require.NoError(t, err)
		require.Regexp(t, `^There is nothing to erase of customers 42 of tenant 2\.\n\nIf ServiceTitan still shows`, out)
	}
}

// The rows lead to the ids of the other records, so that they are erased last.
func TestEraseErasesRowsLast(t *testing.T) {
	t.Parallel()
	e := newErasable()
	out, err := e.run(t, cli.EraseOptions{Yes: true})
	require.ErrorContains(t, err, "not everything is erased")
	exit := &cli.ExitError{}
	require.ErrorAs(t, err, &exit)
	require.Equal(t, cli.ExitFailed, exit.Code)
	at := strconv.FormatInt(e.messages[0].Stored.UnixNano(), 10)
	require.Equal(t, []string{"changes", "forget SYNC_COMMANDS-3-" + at + " SYNC_DEADLETTER-4-" + at, "messages", "dead letters", "rows"}, e.steps)
	require.Equal(t, "raw.changes 2 deleted, SYNC_COMMANDS 1 deleted, SYNC_DEADLETTER 1 deleted, raw.sync_dead_letters 1 deleted, raw.st_customers 1 deleted", e.summary)
	require.Equal(t, "customers/42", e.entry.Target)
	require.Equal(t, ledger.ActionErase, e.entry.Action)
	require.Equal(t, events.TenantID("2"), e.entry.TenantID)
	require.Contains(t, out, "Erased customers 42 of tenant 2.")

	e.messages, e.err = nil, errors.New("no connection")
	_, err = e.run(t, cli.EraseOptions{Yes: true})
	require.EqualError(t, err, "no connection; what streams and raw.changes had is erased: run the command again")
}

func TestEraseChangesNothingWhileItIsBlocked(t *testing.T) {
	t.Parallel()
	e := newErasable()
	e.blockers = []string{"run 3 (full) reads customers"}
	_, err := e.run(t, cli.EraseOptions{Yes: true})
	require.EqualError(t, err, "nothing was erased: run 3 (full) reads customers")
	require.Empty(t, e.steps)
}

func TestEraseResolvesTenants(t *testing.T) {
	t.Parallel()
	o := cli.EraseOptions{Entity: "customers", ID: "42"}
	_, err := o.Resolve(&config.Config{})
	require.EqualError(t, err, "SERVICETITAN_TENANT_ID: not set, want the tenant's number")
	_, err = o.Resolve(eraseConfig)
	require.EqualError(t, err, "--tenant: missing value, want one of 1, 2")
	o.TenantID = "3"
	_, err = o.Resolve(eraseConfig)
	require.EqualError(t, err, `--tenant: got "3", want 1 or 2`)
	o.TenantID = ""
	what, err := o.Resolve(&config.Config{Tenants: eraseConfig.Tenants[:1]})
	require.NoError(t, err)
	require.Equal(t, events.TenantID("1"), what.TenantID)
	require.Equal(t, "customers", what.Entity.Name)
}

func TestEraseChecksIDs(t *testing.T) {
	t.Parallel()
	for _, name := range entity.Names() {
		e, _ := entity.Find(name)
		valid := strings.Repeat("1/", len(e.Identity())-1) + "1"
		require.NoError(t, cli.EraseOptions{Entity: name, ID: valid}.Check(), name)
		require.Error(t, cli.EraseOptions{Entity: name, ID: "1 2"}.Check(), name)
		require.Error(t, cli.EraseOptions{Entity: name, ID: ""}.Check(), name)
	}
	require.NoError(t, cli.EraseOptions{Entity: "contacts", ID: "6f2c0e0a-ffff-4b7e-9d2d-0d4dbb1f6d11"}.Check())
}
