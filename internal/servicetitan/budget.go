package servicetitan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// longestWait is how long a call waits for the budget. Where it would be longer the
	// call fails, and says how long: whoever makes it has something better to do than to
	// keep a slot.
	longestWait = 2 * time.Second
	// refusedWait is how long nobody calls after a refusal that names no wait.
	refusedWait = time.Second

	// aloneShare of the budget is what a process allows itself while the pool does not
	// answer: ten processes may do so. It need not be more, since pages cannot be stored
	// then, as a rule.
	aloneShare = 0.1
	// poolPatience is how long the pool may take to answer, poolRetry when it is asked
	// again after it did not.
	poolPatience = time.Second
	poolRetry    = 5 * time.Second
)

// budget decides when the calls of one tenant go out. Calls queue up here, and one
// goroutine asks the pool for all that wait; what it grants ahead is in hand for those
// that come later.
type budget struct {
	tenantID  string
	perSecond float64
	pool      Pool
	alone     *lone // in place of a pool that does not answer
	log       zerolog.Logger

	mu      sync.Mutex
	queue   []*waiter
	serving bool
	urgent  chan struct{} // an interactive call has come while the server rests
	hand    int           // calls that may go out before lapses
	lapses  time.Time
	empty   time.Time          // since when nothing is in hand
	again   map[bool]time.Time // when to ask for more; by whether they are interactive
	down    time.Time          // the pool is not asked before; zero while it answers
}

// waiter is a call that waits.
type waiter struct {
	subject     string
	interactive bool
	ready       chan error
}

// overBudgetError is the end of a call that would have to wait for too long.
type overBudgetError struct {
	perSecond float64
	wait      time.Duration
}

func (e *overBudgetError) Error() string {
	return fmt.Sprintf("the budget of %v calls a second is used up; the next may go out in %s", e.perSecond, e.wait.Round(100*time.Millisecond))
}

func newBudget(tenantID string, perSecond float64, pool Pool, log zerolog.Logger) *budget {
	b := &budget{
		tenantID: tenantID, perSecond: perSecond, pool: pool, alone: newLone(perSecond * aloneShare), log: log,
		urgent: make(chan struct{}, 1), empty: time.Now(), again: map[bool]time.Time{},
	}
	if pool == nil {
		b.pool = newLone(perSecond)
	}
	return b
}

// take blocks until a call may go out.
func (b *budget) take(ctx context.Context, subject string, interactive bool) error {
	b.mu.Lock()
	if b.fromHand() {
		b.mu.Unlock()
		return nil
	}
	w := &waiter{subject: subject, interactive: interactive, ready: make(chan error, 1)}
	b.queue = append(b.queue, w)
	if !b.serving {
		b.serving = true
		go b.serve()
	} else if interactive {
		select {
		case b.urgent <- struct{}{}:
		default:
		}
	}
	b.mu.Unlock()
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		b.queue = slices.DeleteFunc(b.queue, func(other *waiter) bool { return other == w })
		return ctx.Err()
	}
}

// fromHand takes one of the calls in hand, if there is any. b.mu is held.
func (b *budget) fromHand() bool {
	now := time.Now()
	if b.hand > 0 && !now.Before(b.lapses) {
		b.hand, b.empty = 0, b.lapses
	}
	if b.hand == 0 {
		return false
	}
	b.hand--
	b.empty = now
	return true
}

// serve asks for calls until nobody waits.
func (b *budget) serve() {
	for {
		w, rest, waited := b.next()
		switch {
		case !waited:
			return
		case rest > 0:
			select {
			case <-time.After(rest):
			case <-b.urgent:
			}
		default:
			asked := time.Now()
			b.grant(asked, w, b.lease(w))
		}
	}
}

// next says what to ask for, or how long to rest before, and whether anybody waits for it.
func (b *budget) next() (w LeaseRequest, rest time.Duration, waited bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turnAway()
	if len(b.queue) == 0 {
		b.serving = false
		return w, 0, false
	}
	interactive := slices.ContainsFunc(b.queue, func(w *waiter) bool { return w.interactive })
	if rest := time.Until(b.again[interactive]); rest > 0 {
		return w, rest, true
	}
	w = LeaseRequest{
		TenantID: b.tenantID, PerSecond: b.perSecond, Interactive: interactive,
		Ahead: int(burstOf(b.perSecond)), Empty: time.Since(b.empty),
	}
	for _, one := range b.queue {
		if one.interactive == interactive {
			w.Now++
		}
	}
	return w, 0, true
}

// turnAway ends the calls that would wait for too long. b.mu is held.
func (b *budget) turnAway() {
	b.queue = slices.DeleteFunc(b.queue, func(w *waiter) bool {
		wait := time.Until(b.again[w.interactive])
		if wait <= longestWait {
			return false
		}
		w.ready <- &overBudgetError{b.perSecond, wait}
		return true
	})
}

// lease asks the pool, or does without it while it does not answer.
func (b *budget) lease(w LeaseRequest) LeaseGrant {
	if time.Now().Before(b.down) { // the server's alone
		leased, _ := b.alone.Lease(context.Background(), w)
		return leased
	}
	ctx, cancel := context.WithTimeout(context.Background(), poolPatience)
	defer cancel()
	leased, err := b.pool.Lease(ctx, w)
	if err == nil {
		if !b.down.IsZero() {
			b.log.Info().Str("tenant_id", b.tenantID).Msg("the budget of calls is shared again")
			b.down = time.Time{}
		}
		return leased
	}
	if b.down.IsZero() {
		b.log.Warn().Err(err).Str("tenant_id", b.tenantID).Float64("per_second", b.perSecond*aloneShare).
			Msg("the budget of calls cannot be shared: this process keeps to a part of it")
	}
	b.down = time.Now().Add(poolRetry)
	leased, _ = b.alone.Lease(context.Background(), w)
	return leased
}

// grant lets calls go out.
func (b *budget) grant(asked time.Time, w LeaseRequest, l LeaseGrant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hand, b.lapses, b.empty = l.Ahead, asked.Add(l.For), time.Now()
	b.queue = slices.DeleteFunc(b.queue, func(one *waiter) bool {
		switch {
		case l.Now > 0 && one.interactive == w.Interactive:
			l.Now--
		case !b.fromHand():
			return false
		}
		one.ready <- nil
		return true
	})
	if l.Wait <= 0 {
		return
	}
	b.delay(w.Interactive, l.Wait)
	if w.Interactive { // what they cannot have nobody can
		b.delay(false, l.Wait)
	}
}

// delay keeps calls from being asked for. b.mu is held.
func (b *budget) delay(interactive bool, wait time.Duration) {
	if at := time.Now().Add(wait); at.After(b.again[interactive]) {
		b.again[interactive] = at
	}
}

// refused slows everybody down, by way of the pool: the API has refused a call and asked
// to wait, or not said for how long. What is in hand here is given up; what others have
// in hand may still go out.
func (b *budget) refused(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		wait = refusedWait
	}
	b.mu.Lock()
	if b.hand > 0 {
		b.hand, b.empty = 0, time.Now()
	}
	b.mu.Unlock()
	_ = b.alone.Slow(ctx, b.tenantID, b.perSecond, wait) // it cannot fail
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), poolPatience)
	defer cancel()
	if err := b.pool.Slow(ctx, b.tenantID, b.perSecond, wait); err != nil {
		b.log.Warn().Err(err).Str("tenant_id", b.tenantID).Msg("other processes do not know that ServiceTitan asked to wait")
	}
}

// waiting is how long a call for subject still waits, 0 where none does.
func (b *budget) waiting(subject string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.queue {
		if w.subject == subject {
			return max(0, time.Until(b.again[w.interactive]))
		}
	}
	return 0
}
