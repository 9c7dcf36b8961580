//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// point is what the environment asks for.
type point struct {
	name   string
	signal syscall.Signal
	left   atomic.Int64 // hits until it acts
}

var chosen = mustParse(os.Getenv(Variable))

// Hit sends the process the signal that LAZISYNC_FAILPOINT chose for this step.
func Hit(name string) {
	if chosen.name != name || chosen.left.Add(-1) != 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "failpoint %s: %s\n", name, chosen.signal)
	if err := syscall.Kill(os.Getpid(), chosen.signal); err != nil {
		panic(fmt.Sprintf("failpoint %s: %v", name, err))
	}
	if chosen.signal == syscall.SIGKILL {
		select {} // it arrives before anything else happens
	}
}

func mustParse(text string) *point {
	p, err := parse(text)
	if err != nil {
		panic(fmt.Sprintf("%s: got %q, want name, name:hit or name:hit=stop: %v", Variable, text, err))
	}
	return p
}

func parse(text string) (*point, error) {
	p := &point{signal: syscall.SIGKILL}
	text, action, _ := strings.Cut(text, "=")
	switch action {
	case "", "kill":
	case "stop":
		p.signal = syscall.SIGSTOP
	default:
		return nil, fmt.Errorf("unknown action %q", action)
	}
	name, hit, counted := strings.Cut(text, ":")
	p.name = name
	p.left.Store(1)
	if counted {
		n, err := strconv.ParseInt(hit, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("hit %q is no number above 0", hit)
		}
		p.left.Store(n)
	}
	return p, nil
}
