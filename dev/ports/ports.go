package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Host is the only address that development servers listen on.
const Host = "127.0.0.1"

// Wish is the port somebody would like to have.
type Wish struct {
	Name   string // whose port: "NATS"
	Port   int    // the usual one, or the one the user set; 0 means any
	Set    bool   // the user set it: any other will not do
	Origin string // where the user set it, for the error: "HTTP_ADDR"
}

// Port is a port that was free a moment ago.
type Port struct {
	Number int
	Note   string // what to tell the user, empty when the wish was granted
}

// Addr returns host and port.
func (p Port) Addr() string { return Addr(p.Number) }

// Addr returns 127.0.0.1 and the port.
func Addr(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

// Listen grants the wish and keeps the port by listening on it. It suits servers
// that take a listener; for the others there is Find.
func Listen(w Wish) (net.Listener, Port, error) {
	l, err := listen(w.Port)
	if err == nil && w.Port != 0 && !w.Set && promised(w.Port) {
		_ = l.Close() // nobody connected to it
		err = syscall.EADDRINUSE
	}
	if err == nil {
		return l, Port{Number: number(l)}, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		return nil, Port{}, fmt.Errorf("%s: listen on %s: %w", w.Name, Addr(w.Port), err)
	}
	if w.Set {
		return nil, Port{}, fmt.Errorf("%s: port %d%s cannot be used: %w; free it or set another", w.Name, w.Port, w.from(), cause(err))
	}
	l, fallbackErr := listen(0)
	if fallbackErr != nil {
		return nil, Port{}, fmt.Errorf("%s: find a free port: %w", w.Name, fallbackErr)
	}
	return l, Port{
		Number: number(l),
		Note:   fmt.Sprintf("port %d is taken, using %d", w.Port, number(l)),
	}, nil
}

// Free ports are looked for below those that systems give to outgoing connections:
// one of these would often be taken again before whoever asked for it listens. Each is
// given to one process of ours at a time.
const lowest, highest = 20_000, 32_000

// listen listens on a port, or for 0 on a free one.
func listen(port int) (net.Listener, error) {
	if port == 0 {
		const tries = 100
		for range tries {
			candidate := lowest + rand.IntN(highest-lowest)
			if !claim(candidate) {
				continue
			}
			if l, err := net.Listen("tcp", Addr(candidate)); err == nil {
				return l, nil
			}
		}
	}
	return net.Listen("tcp", Addr(port))
}

// Find grants the wish without keeping the port: whoever uses it must do so soon,
// and be ready to find it taken after all.
func Find(w Wish) (Port, error) {
	l, p, err := Listen(w)
	if err != nil {
		return Port{}, err
	}
	return p, l.Close()
}

// Free returns n different free ports, unkept as by Find.
func Free(n int) ([]int, error) {
	numbers := make([]int, 0, n)
	for range n {
		// All stay open until the last is found, else one could come twice.
		l, err := listen(0)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		numbers = append(numbers, number(l))
	}
	return numbers, nil
}

func (w Wish) from() string {
	if w.Origin == "" {
		return ""
	}
	return fmt.Sprintf(", set by %s,", strings.TrimSpace(w.Origin))
}

func number(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// cause strips what net says around the reason; the message names the port itself.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
