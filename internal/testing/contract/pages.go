package contract

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/testing/memory"
)

// PagesPort is the store of pages, with the ledger of their runs.
type PagesPort interface {
	LedgerPort
	activities.PageStore
}

// Pages compares the store of pages in memory with a real one: positions, and the counts that say what
// a page did to its rows. open returns the real one without rows, for each sequence. What a full read, a
// rebuild or a verify finds missing is outside this suite: in memory the test says it.
func Pages(t *testing.T, open func() PagesPort) {
	rapid.Check(t, func(t *rapid.T) {
		p := &pages{
			pair: pair[PagesPort]{&memory.Ledger{Database: memory.NewDatabase()}, open()}, ctx: context.Background(), positions: map[string]ledger.Position{},
		}
		p.begin(t)
		t.Repeat(map[string]func(*rapid.T){
			"begin": p.begin, "open": p.open, "open again": p.open, "open once more": p.open, "complete": p.complete, "page": p.storePage, "another page": p.storePage, "one more page": p.storePage,
			"fail": p.fail, "total": p.setTotal, "finalize": p.finalize,
		})
		for _, run := range p.runs {
			_, _ = call(t, p.pair, fmt.Sprint("Run ", run.Number), func(port PagesPort) (ledger.Run, error) { return port.Run(p.ctx, run.Number) })
		}
	})
}

// pages are the two stores of a sequence.
type pages struct {
	pair[PagesPort]
	ctx       context.Context
	runs      []ledger.Run
	passes    int
	positions map[string]ledger.Position // by run and entity
}

// begin begins the run of a new request.
func (p *pages) begin(t *rapid.T) {
	q := ledger.Request{
		Source: "/a", EventID: fmt.Sprint(len(p.runs)), TenantID: "42", Entities: []string{"customers", "jobs"},
		Mode: rapid.SampledFrom([]events.Mode{events.Full, events.Full, events.Incremental, events.Incremental, events.Incremental, events.Rebuild, events.Verify}).Draw(t, "mode"),
	}
	if q.Mode.Info().OneEntity {
		q.Entities = q.Entities[:1]
	}
	q.ID = events.RequestID(q.Source, q.EventID)
	q.WorkflowID = q.Mode.WorkflowID(q.TenantID, q.ID)
	_, _ = call(t, p.pair, "Receive "+string(q.Mode), func(port PagesPort) ([]ledger.Receipt, error) { return port.Receive(p.ctx, []ledger.Request{q}) })
	b := ledger.BeginInput{TenantID: q.TenantID, Mode: q.Mode, WorkflowID: q.WorkflowID, FirstRunID: "x", Pass: 1, RequestID: q.ID}
	if q.Mode.Info().PerTenant {
		p.passes++
		b.Pass = p.passes
	}
	begun, _ := call(t, p.pair, "BeginRun "+string(q.Mode), func(port PagesPort) (r runAndFlag, err error) {
		r.Run, r.Flag, err = port.BeginRun(p.ctx, b)
		return r, err
	})
	p.runs = append(p.runs, begun.Run)
}

// drawTarget draws a run, an entity and, rarely, another execution.
func (p *pages) drawTarget(t *rapid.T) (what string, target ledger.Target) {
	run := rapid.SampledFrom(p.runs).Draw(t, "run")
	e, _ := entity.Find(rapid.SampledFrom(append([]string{"customers", "customers"}, run.Entities...)).Draw(t, "entity"))
	target = run.Target(e)
	switch rapid.IntRange(0, 15).Draw(t, "execution") {
	case 1:
		target.Run.Execution.FirstRunID = "elsewhere"
	case 2:
		target.Run.Number += 100
	}
	return fmt.Sprintf("%s of run %d", e.Name, target.Run.Number), target
}

func (p *pages) key(t ledger.Target) string { return fmt.Sprint(t.Run.Number, t.Entity.Name) }

func (p *pages) open(t *rapid.T) {
	what, target := p.drawTarget(t)
	opened, err := call(t, p.pair, "Open "+what, func(port PagesPort) (ledger.Position, error) { return port.Open(p.ctx, target) })
	if err == nil {
		p.positions[p.key(target)] = opened
	}
}

// serverTime draws one of few times of ServiceTitan's clock.
func serverTime(t *rapid.T, what string) time.Time {
	return time.Date(2026, 3, 1, 12, rapid.IntRange(0, 3).Draw(t, what), 0, 0, time.UTC)
}

var records = rapid.Custom(func(t *rapid.T) entity.Record {
	id := rapid.IntRange(1, 2).Draw(t, "id")
	r := entity.Record{ID: fmt.Sprint(id), Deleted: rapid.IntRange(0, 4).Draw(t, "deleted") < 2}
	if rapid.IntRange(0, 4).Draw(t, "with a modified time") > 0 {
		r.ModifiedOn = serverTime(t, "modified")
	}
	r.Raw = []byte(fmt.Sprintf(`{"id": %d, "name": %q}`, id, rapid.SampledFrom([]string{"Ann", "Bob"}).Draw(t, "name")))
	return r
})

func drawPage(t *rapid.T) entity.Page {
	page := entity.Page{
		Records: rapid.SliceOfN(records, 0, 3).Draw(t, "records"), Date: serverTime(t, "date"), Last: rapid.IntRange(0, 2).Draw(t, "last") == 0,
		Total: rapid.SampledFrom([]int{-1, -1, 7}).Draw(t, "total"), Next: entity.Cursor{Feed: entity.Export, Token: rapid.SampledFrom([]string{"t1", "t2", ""}).Draw(t, "token")},
	}
	switch rapid.IntRange(0, 9).Draw(t, "special") {
	case 1:
		page.Rejected = []entity.Rejected{{ID: "9", Reason: "bad", Raw: []byte("{}")}}
	case 2:
		page.Warnings = make([]string, rapid.SampledFrom([]int{1, 1, 2, ledger.MaxWarnings + 1}).Draw(t, "warnings"))
		for i := range page.Warnings {
			page.Warnings[i] = fmt.Sprint("odd ", i)
		}
	case 3:
		page.Date = time.Time{}
	}
	return page
}

// drawPosition returns the position of a run in an entity or, rarely, one that another writer has moved.
func (p *pages) drawPosition(t *rapid.T, target ledger.Target) ledger.Position {
	at := p.positions[p.key(target)]
	switch rapid.IntRange(0, 15).Draw(t, "late") {
	case 0, 1:
		at.Version--
	case 2:
		at = ledger.Position{}
	}
	return at
}

func (p *pages) storePage(t *rapid.T) {
	what, target := p.drawTarget(t)
	p.store(t, what, target, p.drawPosition(t, target), drawPage(t))
}

// complete opens an entity and stores its last page, so that later runs have a resume point.
func (p *pages) complete(t *rapid.T) {
	what, target := p.drawTarget(t)
	opened, err := call(t, p.pair, "Open "+what, func(port PagesPort) (ledger.Position, error) { return port.Open(p.ctx, target) })
	if err == nil {
		page := drawPage(t)
		page.Last = true
		p.store(t, what, target, opened, page)
	}
}

func (p *pages) store(t *rapid.T, what string, target ledger.Target, at ledger.Position, page entity.Page) {
	stored, err := call(t, p.pair, fmt.Sprint("StorePage ", what, " at ", at.Version), func(port PagesPort) (ledger.Position, error) {
		return port.StorePage(p.ctx, target, at, page)
	})
	if err == nil {
		p.positions[p.key(target)] = stored
	}
}

func (p *pages) fail(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "fail") > 0 {
		t.Skip("not now")
	}
	what, target := p.drawTarget(t)
	failure := events.RunError{Type: events.APIError, Message: "no answer", Entity: target.Entity.Name}
	at := p.drawPosition(t, target)
	_, _ = call(t, p.pair, fmt.Sprint("FailEntity ", what, " at ", at.Version), func(port PagesPort) (any, error) {
		return nil, port.FailEntity(p.ctx, target, at, failure)
	})
}

func (p *pages) setTotal(t *rapid.T) {
	what, target := p.drawTarget(t)
	total := ledger.Total(rapid.Int64Range(-1, 9).Draw(t, "total"))
	at := p.drawPosition(t, target)
	_, _ = call(t, p.pair, fmt.Sprint("SetTotal ", what, " at ", at.Version), func(port PagesPort) (any, error) {
		return nil, port.SetTotal(p.ctx, target, at, total)
	})
}

func (p *pages) finalize(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "finalize") > 0 {
		t.Skip("not now")
	}
	run := rapid.SampledFrom(p.runs).Draw(t, "run")
	f := outcomes.Draw(t, "finalization")
	_, _ = call(t, p.pair, fmt.Sprint("Finalize ", run.Number, " ", f.State), func(port PagesPort) (ledger.Run, error) { return port.Finalize(p.ctx, run.Ref(), f) })
}
