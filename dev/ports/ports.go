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

// Request describes the port of one server.
type Request struct {
	Name   string // name of the server, for errors: "NATS"
	Port   int    // the default port, or the port that the user set; 0 means any
	Set    bool   // the user set Port: no other port is acceptable
	Origin string // variable that sets Port, for errors: "HTTP_ADDR"
}

// Port is a selected port.
type Port struct {
	Number int
	Note   string // message to the user, empty if it is the requested port
}

// Addr returns host and port.
func (p Port) Addr() string { return Addr(p.Number) }

// Addr returns 127.0.0.1 and the port.
func Addr(port int) string { return net.JoinHostPort(Host, strconv.Itoa(port)) }

// Listen listens on the requested port, or on a free one. Use Find for servers that do not
// accept a listener.
func Listen(r Request) (net.Listener, Port, error) {
	l, err := listen(r.Port)
	if err == nil && r.Port != 0 && !r.Set && claimedByOther(r.Port) {
		_ = l.Close() // there are no connections yet
		err = syscall.EADDRINUSE
	}
	if err == nil {
		return l, Port{Number: number(l)}, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		return nil, Port{}, fmt.Errorf("%s: listen on %s: %w", r.Name, Addr(r.Port), err)
	}
	if r.Set {
		return nil, Port{}, fmt.Errorf("%s: port %d%s cannot be used: %w; free it or set another", r.Name, r.Port, r.from(), cause(err))
	}
	l, fallbackErr := listen(0)
	if fallbackErr != nil {
		return nil, Port{}, fmt.Errorf("%s: find a free port: %w", r.Name, fallbackErr)
	}
	return l, Port{
		Number: number(l),
		Note:   fmt.Sprintf("port %d is taken, using %d", r.Port, number(l)),
	}, nil
}

// Free ports are selected below the range of outgoing connections, because a port of that
// range may be taken again before the server listens.
const lowestFree, highestFree = 20_000, 32_000

// listen listens on a port, or on a free one if port is 0.
func listen(port int) (net.Listener, error) {
	if port == 0 {
		const tries = 100
		for range tries {
			candidate := lowestFree + rand.IntN(highestFree-lowestFree)
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

// Find selects a port without listening on it. The caller should use it soon and handle the
// error that it is taken.
func Find(r Request) (Port, error) {
	l, p, err := Listen(r)
	if err != nil {
		return Port{}, err
	}
	return p, l.Close()
}

// Free returns n different free ports. It does not listen on them.
func Free(n int) ([]int, error) {
	numbers := make([]int, 0, n)
	for range n {
		// All listeners stay open until the last port is found, so that the ports differ.
		l, err := listen(0)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		numbers = append(numbers, number(l))
	}
	return numbers, nil
}

func (r Request) from() string {
	if r.Origin == "" {
		return ""
	}
	return fmt.Sprintf(", set by %s,", strings.TrimSpace(r.Origin))
}

func number(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// cause removes the context that net adds to an error, because the message names the port.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
