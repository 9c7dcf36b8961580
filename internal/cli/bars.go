package cli

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// barsView shows a bar per entity on a terminal. Until it is closed, only the goroutine of
// mpb writes to the terminal: lines go through it, and decorators read atomically.
type barsView struct {
	out    io.Writer
	mp     *mpb.Progress
	bars   map[string]*bar
	closed bool
}

// bar is the bar of one entity.
type bar struct {
	*mpb.Bar
	note atomic.Pointer[string]
}

// set moves a bar. Only the outcome completes it: progress may be lost or late, and mpb
// does not change a complete bar.
func (b *bar) set(records, total int64, note string) {
	b.note.Store(&note)
	b.SetTotal(max(total, records+1), false)
	b.SetCurrent(records)
}

// finish shows the result of an entity and completes its bar.
func (b *bar) finish(records int64, note string) {
	b.note.Store(&note)
	b.SetTotal(max(records, 1), false)
	b.SetCurrent(records)
	if records > 0 {
		b.SetTotal(records, true)
		return
	}
	b.Abort(false) // mpb cannot complete a bar without records
}

func newBarsView(out io.Writer) *barsView {
	if f := terminalFile(out); f != nil {
		out = f // of which mpb reads the width
	}
	return &barsView{out: out, mp: mpb.New(mpb.WithOutput(out), mpb.WithWidth(40)), bars: map[string]*bar{}}
}

// lines returns the view that prints above the bars, or below them once they are closed.
func (v *barsView) lines() *linesView {
	if v.closed {
		return newLinesView(v.out)
	}
	return newLinesView(v.mp)
}

func (v *barsView) accepted(d events.AcceptedData)        { v.lines().accepted(d) }
func (v *barsView) unanswered()                           { v.lines().unanswered() }
func (v *barsView) alreadyPaused(d events.ControlledData) { v.lines().alreadyPaused(d) }

func (v *barsView) started(d events.StartedData) {
	v.lines().started(d)
	for _, name := range d.Entities {
		v.bar(name)
	}
}

// bar returns the bar of an entity, or nil when bars are closed.
func (v *barsView) bar(name string) *bar {
	if b := v.bars[name]; b != nil || v.closed {
		return b
	}
	b := &bar{}
	none := ""
	b.note.Store(&none)
	b.Bar = v.mp.AddBar(0,
		mpb.PrependDecorators(decor.Name(name, decor.WC{W: 14, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CurrentNoUnit("%d"), decor.Any(func(decor.Statistics) string { return *b.note.Load() })))
	v.bars[name] = b
	return b
}

func (v *barsView) progress(d events.ProgressData) {
	b := v.bar(d.Entity)
	if b == nil {
		return
	}
	note := " records"
	if d.Phase != events.PhaseDone {
		note = fmt.Sprintf(" records  %s/s%s", display.Thousands(int64(d.RecordsPerSecond)), waitNote(d.Waiting))
	}
	var total int64
	if d.Total != nil {
		total = *d.Total
	}
	b.set(d.Records, total, note)
}

func (v *barsView) controlled(kind string, d events.ControlledData) { v.lines().controlled(kind, d) }

// outcome sets each bar to its result, also if progress was lost.
func (v *barsView) outcome(kind string, d events.OutcomeData) {
	for _, r := range d.Results {
		if b := v.bar(r.Entity); b != nil {
			b.finish(r.Fetched, " records  "+string(r.Status))
		}
	}
	v.close()
	printOutcome(v.out, kind, d)
}

func (v *barsView) rejected(d events.RejectedData) {
	v.close()
	printRejected(v.out, d)
}

// close draws the bars for the last time and waits until mpb has stopped writing.
func (v *barsView) close() {
	if v.closed {
		return
	}
	v.closed = true
	for _, b := range v.bars {
		b.Abort(false)
	}
	v.mp.Wait()
}
