package activitytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// Ledger is a ledger in memory. A full sync of every entity has been completed before.
type Ledger struct {
	*memory.Ledger

	// Refuse is called before each operation with its name and its entity, "" if it has
	// none. It may return an error or change the world.
	Refuse func(op, entity string) error

	// Looked is called after each BeginRun with the number of the run.
	Looked func(look int)

	begun atomic.Int64
}

// pageOps are the operations that concern an entity.
var pageOps = []string{
	"Open", "StorePage", "MissingIDs", "StoreLookup", "CompareStaged", "CheckRebuild", "ApplyRebuild", "FailEntity", "SetTotal", "Stall",
}

func newLedger() *Ledger {
	l := &Ledger{}
	l.Ledger = &memory.Ledger{Database: memory.NewDatabase(), Call: func(op memory.Op, do func() error) error {
		name := ""
		if slices.Contains(pageOps, op.Method) {
			name = op.Detail
		}
		if l.Refuse != nil {
			if err := l.Refuse(op.Method, name); err != nil {
				return err
			}
		}
		return do()
	}}
	l.completeFullSyncs()
	return l
}

// completeFullSyncs makes incrementals possible.
func (l *Ledger) completeFullSyncs() {
	for _, e := range entity.Catalogue {
		l.SetResumePoint(Tenant, e.Name, "", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	}
}

// BeginRun begins a run or returns the open one.
func (l *Ledger) BeginRun(ctx context.Context, in ledger.BeginInput) (ledger.Run, bool, error) {
	l.begun.Add(1)
	if l.Looked != nil {
		defer func() { l.Looked(l.Looks()) }()
	}
	in.FirstRunID = cmp.Or(in.FirstRunID, "first") // the SDK's test environment has none
	return l.Ledger.BeginRun(ctx, in)
}

// Looks returns the number of calls of BeginRun.
func (l *Ledger) Looks() int { return int(l.begun.Load()) }

// Forget deletes every request and run, as if the ledger was recreated. Run numbers begin
// at 1 again.
func (l *Ledger) Forget() {
	l.Restore(memory.NewDatabase().Snapshot())
	l.completeFullSyncs()
}

// Request records an accepted request.
func (l *Ledger) Request(mode events.Mode, entities ...string) ledger.Request {
	return l.RequestFrom("/test", mode, entities...)
}

// RequestFrom records an accepted request of a source.
func (l *Ledger) RequestFrom(source string, mode events.Mode, entities ...string) ledger.Request {
	return l.add(ledger.Request{Source: source, Mode: mode, Entities: entities})
}

// RefreshIDs records an accepted request for records of an entity.
func (l *Ledger) RefreshIDs(name string, ids ...string) ledger.Request {
	return l.add(ledger.Request{Source: "/test", Mode: events.Incremental, Entities: []string{name}, IDs: ids})
}

// RefreshSince records an accepted request for what changed in an entity.
func (l *Ledger) RefreshSince(name string, since time.Time) ledger.Request {
	return l.add(ledger.Request{Source: "/test", Mode: events.Incremental, Entities: []string{name}, Since: &since})
}

// add records an accepted request.
func (l *Ledger) add(r ledger.Request) ledger.Request {
	r.EventID, r.TenantID, r.Channel = fmt.Sprint(len(l.Requests())+1), Tenant, "#sync"
	r.ID = events.RequestID(r.Source, r.EventID)
	r.WorkflowID = r.Mode.WorkflowID(Tenant, r.ID)
	reliable := &memory.Ledger{Database: l.Database}
	receipts, err := reliable.Receive(context.Background(), []ledger.Request{r})
	if err == nil {
		_, err = reliable.Accept(context.Background(), map[string]string{r.ID: ""})
	}
	if err != nil {
		panic(err)
	}
	r = receipts[0].Request
	r.State = ledger.Accepted
	return r
}
