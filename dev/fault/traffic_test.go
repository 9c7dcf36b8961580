//go:build fault

package fault

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/workflows"
)

// traffic simulates other systems and people: requests, controls of these requests, invalid
// events, and changing records. A client that pauses a run also resumes it, even if publishing
// takes long.
func (r *rig) traffic(t *testing.T, seed int64) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r.changing = true
	p := &clients{rig: r, t: t, ctx: ctx, dice: rand.New(rand.NewPCG(uint64(seed), 0x7af1c))}
	var done sync.WaitGroup
	done.Go(func() {
		for wait(ctx, 150*time.Millisecond) {
			p.act()
		}
		p.busy.Wait()
	})
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); done.Wait() }) }
	t.Cleanup(stop)
	return stop
}

type clients struct {
	*rig
	t    *testing.T
	ctx  context.Context
	dice *rand.Rand
	busy sync.WaitGroup    // commands under way
	last *publishedCommand // requested full sync
}

// act does one thing. What is published is published in the background: it may take
// until NATS is back.
func (p *clients) act() {
	p.stack.Simulator.Mutate(p.dice.IntN(4))
	switch n := p.dice.IntN(100); {
	case n < 8:
		p.last = p.ask(`{"mode":"full","entities":["` + core[p.dice.IntN(len(core))] + `"]}`)
	case n < 12 && p.last != nil:
		p.controlLater(p.last, "pause", "resume")
	case n < 14 && p.last != nil:
		p.controlLater(p.last, "cancel")
	case n < 16:
		p.controlWorkflow(workflows.IncrementalSyncID(events.TenantID(p.tenant)), "pause", "resume")
	case n < 18:
		a := p.note(events.KindRequest)
		a.refused = true
		p.later(func(ctx context.Context) error {
			return p.publish(ctx, a, "sync.requested", `{"mode":"full","entities":["custmers"]}`)
		})
	default:
		p.ask(`{"mode":"incremental"}`)
	}
}

func (p *clients) ask(data string) *publishedCommand {
	a := p.note(events.KindRequest)
	p.later(func(ctx context.Context) error { return p.publish(ctx, a, "sync.requested", data) })
	return a
}

func (p *clients) controlLater(a *publishedCommand, actions ...string) {
	p.controlWorkflow(workflows.FullSyncID(a.requestID()), actions...)
}

// controlWorkflow publishes controls one after another.
func (p *clients) controlWorkflow(workflowID string, actions ...string) {
	var controls []*publishedCommand
	for range actions {
		controls = append(controls, p.note(events.KindControl))
	}
	p.later(func(ctx context.Context) error {
		for i, action := range actions {
			if err := p.publishControl(ctx, controls[i], action, workflowID); err != nil {
				return err
			}
			wait(ctx, 300*time.Millisecond)
		}
		return nil
	})
}

// later starts an action that may outlive the traffic, which waits for its end.
func (p *clients) later(do func(ctx context.Context) error) {
	p.busy.Go(func() {
		if err := do(context.WithoutCancel(p.ctx)); err != nil {
			p.t.Errorf("publish: %v", err)
		}
	})
}
