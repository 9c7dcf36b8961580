//go:build fault

package fault

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

var (
	seed    = flag.Int64("seed", 1, "of the chaos: the same seed gives the same schedule")
	minutes = flag.Float64("minutes", 1, "length of the chaos")
)

// What can be done to a process.
const (
	kill   = "kill"   // SIGKILL, and start it again
	freeze = "freeze" // SIGSTOP, and SIGCONT
	stop   = "stop"   // SIGTERM, and start it again when it has ended; roles alone
)

// injection is an entry of the schedule.
type injection struct {
	at      time.Duration // since the beginning
	victim  string
	action  string
	absence time.Duration // until it is started or thawed again
}

func (b injection) String() string {
	return fmt.Sprintf("%6.1f s  %-6s %-10s for %.1f s", b.at.Seconds(), b.action, b.victim, b.absence.Seconds())
}

// chaosRoles are the roles by the name of their place.
var chaosRoles = map[string]string{
	"bridge 1": "bridge", "bridge 2": "bridge", "worker 1": "worker", "worker 2": "worker", "notifier": "notifier", "gateway": "gateway",
}

// targets are all targets of faults, in a fixed order.
var targets = []string{"bridge 1", "bridge 2", "worker 1", "worker 2", "notifier", "gateway", "NATS", "Temporal", "PostgreSQL"}

// schedule returns the injections of a seed within a duration.
func schedule(seed int64, length time.Duration) (all []injection) {
	dice := rand.New(rand.NewPCG(uint64(seed), 0xc4a05))
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(dice.Int64N(int64(most-least)))
	}
	for at := between(0, 2*time.Second); at < length; at += between(200*time.Millisecond, 4*time.Second) {
		b := injection{at: at, victim: targets[dice.IntN(len(targets))], action: kill, absence: between(0, 3*time.Second)}
		switch n := dice.IntN(10); {
		case n < 3:
			b.action, b.absence = freeze, between(500*time.Millisecond, 9*time.Second)
		case n < 5 && chaosRoles[b.victim] != "":
			b.action = stop
		}
		all = append(all, b)
	}
	return all
}

func TestFaultScheduleFollowsTheSeed(t *testing.T) {
	t.Parallel()
	require.Equal(t, schedule(7, time.Minute), schedule(7, time.Minute))
	require.NotEqual(t, schedule(7, time.Minute), schedule(8, time.Minute))
	long := schedule(7, time.Hour)
	for _, victim := range targets {
		require.True(t, slices.ContainsFunc(long, func(b injection) bool { return b.victim == victim }), victim)
	}
}

func TestFault42EverythingKilledAtRandom(t *testing.T) {
	t.Parallel()
	length := time.Duration(*minutes * float64(time.Minute))
	r := newRig(t, options{
		ownDatabase: true, ownTemporal: true, simulator: manyPages,
		environ: []string{"SERVICETITAN_REQUESTS_PER_SECOND=45"}, // of both workers together; calls may be late when everything is killed
	})
	r.waitLimit = 5 * time.Minute
	c := &chaos{rig: r, t: t, program: program(t), places: map[string]*role{}, queues: map[string]chan injection{}}
	for place, name := range chaosRoles {
		c.places[place] = r.launch(t, name)
	}
	r.firstSync(t)
	r.stack.Simulator.SetPace(30 * time.Millisecond)
	stopTraffic := r.traffic(t, *seed)
	c.inject(schedule(*seed, length))
	calm := time.Now()
	stopTraffic()
	r.stack.Simulator.SetPace(0)
	t.Logf("calm; %d commands were published", len(r.issued))
	for place, one := range c.places {
		require.Eventually(t, func() bool { return process.Answers(t.Context(), one.admin+"/readyz") }, r.waitLimit, tick, "%s is not ready", place)
	}
	r.checkOracle(t, calm)
}

// chaos carries a schedule out.
type chaos struct {
	*rig
	t       *testing.T
	program string
	queues  map[string]chan injection

	mu     sync.Mutex
	places map[string]*role
}

// inject returns when the schedule is over and everything runs.
func (c *chaos) inject(injections []injection) {
	began := time.Now()
	var done sync.WaitGroup
	for _, victim := range targets {
		queue := make(chan injection, len(injections))
		c.queues[victim] = queue
		done.Go(func() {
			for b := range queue {
				if err := c.apply(b); err != nil {
					c.t.Errorf("%s: %v", b, err)
				}
			}
		})
	}
	for _, b := range injections {
		if !wait(c.t.Context(), time.Until(began.Add(b.at))) {
			break
		}
		c.t.Log(b)
		c.queues[b.victim] <- b
	}
	for _, queue := range c.queues {
		close(queue)
	}
	done.Wait()
}

// apply carries out one injection, to the end of the victim's absence.
func (c *chaos) apply(b injection) error {
	pause := func() { wait(context.Background(), b.absence) }
	switch b.victim {
	case "NATS":
		return c.injectIntoServer(c.nats, b.action, pause)
	case "Temporal":
		return c.injectIntoServer(c.temporal, b.action, pause)
	case "PostgreSQL":
		return c.injectIntoDatabase(b.action, pause)
	}
	c.mu.Lock()
	one := c.places[b.victim]
	c.mu.Unlock()
	switch b.action {
	case freeze:
		one.Freeze()
		pause()
		one.Thaw()
		return nil
	case stop:
		stoppedAt := time.Now()
		one.Signal(syscall.SIGTERM)
		<-one.Ended()
		if took := time.Since(stoppedAt); took > 30*time.Second {
			return fmt.Errorf("it took %s to stop", took)
		}
	default:
		one.Kill()
	}
	pause()
	next, err := c.spawn(c.program, one.name)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.places[b.victim] = next
	c.mu.Unlock()
	return nil
}

func (c *chaos) injectIntoServer(s *server, action string, pause func()) error {
	if action == freeze {
		s.Freeze()
		pause()
		s.Thaw()
		return nil
	}
	s.Kill()
	pause()
	return s.start()
}

func (c *chaos) injectIntoDatabase(action string, pause func()) error {
	if action == freeze {
		c.database.signalAll(syscall.SIGSTOP)
		pause()
		c.database.signalAll(syscall.SIGCONT)
		return nil
	}
	if err := c.database.kill(); err != nil {
		return err
	}
	pause()
	return c.database.launch()
}
