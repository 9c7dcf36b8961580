//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// delay is how long the action sleep lasts.
const delay = time.Second

// point is what the environment asks for at one step.
type point struct {
	act   func(name string, as error) error
	hit   int64 // acts at this hit
	every bool  // and at each multiple of it
	hits  atomic.Int64
}

var chosen = mustParse(os.Getenv(Variable))

// Hit does what LAZISYNC_FAILPOINT chose for this step.
func Hit(name string) { _ = Error(name, nil) }

// Error does what LAZISYNC_FAILPOINT chose for this step. With the action error it returns as.
func Error(name string, as error) error {
	p, ok := chosen[name]
	if !ok {
		return nil
	}
	hits := p.hits.Add(1)
	if hits != p.hit && (!p.every || hits%p.hit != 0) {
		return nil
	}
	return p.act(name, as)
}

var actions = map[string]func(name string, as error) error{
	"kill": func(name string, _ error) error {
		signal(name, syscall.SIGKILL)
		select {} // it arrives before anything else happens
	},
	"stop": func(name string, _ error) error {
		signal(name, syscall.SIGSTOP)
		return nil
	},
	"sleep": func(name string, _ error) error {
		fmt.Fprintf(os.Stderr, "failpoint %s: sleep %s\n", name, delay)
		time.Sleep(delay)
		return nil
	},
	"error": func(name string, as error) error {
		if as == nil {
			panic(fmt.Sprintf("failpoint %s: it has no error", name))
		}
		fmt.Fprintf(os.Stderr, "failpoint %s: error\n", name)
		return fmt.Errorf("failpoint %s: %w", name, as)
	},
}

func signal(name string, s syscall.Signal) {
	fmt.Fprintf(os.Stderr, "failpoint %s: %s\n", name, s)
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(fmt.Sprintf("failpoint %s: %v", name, err))
	}
}

func mustParse(text string) map[string]*point {
	all := map[string]*point{}
	for one := range strings.SplitSeq(text, ",") {
		if one == "" {
			continue
		}
		name, p, err := parse(one)
		if err != nil {
			panic(fmt.Sprintf("%s: got %q, want name[:hit|:*multiple][=kill|stop|sleep|error]: %v", Variable, one, err))
		}
		all[name] = p
	}
	return all
}

func parse(text string) (name string, p *point, err error) {
	text, action, _ := strings.Cut(text, "=")
	name, hit, counted := strings.Cut(text, ":")
	p = &point{hit: 1, act: actions["kill"]}
	if action != "" {
		if p.act = actions[action]; p.act == nil {
			return "", nil, fmt.Errorf("unknown action %q", action)
		}
	}
	if counted {
		hit, p.every = strings.CutPrefix(hit, "*")
		if p.hit, err = strconv.ParseInt(hit, 10, 64); err != nil || p.hit < 1 {
			return "", nil, fmt.Errorf("hit %q is no number above 0", hit)
		}
	}
	return name, p, nil
}
