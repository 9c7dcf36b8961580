package natsserver

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Link forwards TCP connections to an address until it is interrupted. An interrupted link keeps
// its connections open and forwards nothing, like a network that drops packets; what was sent
// meanwhile arrives once it is restored. It is safe for concurrent use.
type Link struct {
	listener net.Listener
	to       string

	mu          sync.Mutex
	flowing     *sync.Cond // data may be forwarded, or the link is closed
	interrupted bool
	closed      bool
	open        map[net.Conn]bool
}

// NewLink returns a link to an address. Close it in the end.
func NewLink(to string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{listener: listener, to: to, open: map[net.Conn]bool{}}
	l.flowing = sync.NewCond(&l.mu)
	go l.accept()
	return l, nil
}

// Addr returns the address at which the link accepts connections.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Interrupt stops forwarding, Restore continues it.
func (l *Link) Interrupt() { l.set(&l.interrupted, true) }

// Restore continues forwarding.
func (l *Link) Restore() { l.set(&l.interrupted, false) }

// Close closes the link and its connections.
func (l *Link) Close() {
	_ = l.listener.Close()
	l.set(&l.closed, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		_ = conn.Close()
	}
}

func (l *Link) set(field *bool, value bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*field = value
	l.flowing.Broadcast()
}

// await returns false if the link is closed, and true once it forwards data.
func (l *Link) await() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.interrupted && !l.closed {
		l.flowing.Wait()
	}
	return !l.closed
}

// track keeps a connection until it is closed. It returns false if the link is closed.
func (l *Link) track(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open[conn] = true
	}
	return !l.closed
}

func (l *Link) end(conn net.Conn) {
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

func (l *Link) accept() {
	for {
		conn, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go l.forward(conn)
		}
	}
}

// forward connects to the address and forwards in both directions until one side closes.
func (l *Link) forward(from net.Conn) {
	defer l.end(from)
	if !l.track(from) || !l.await() {
		return
	}
	to, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer l.end(to)
	if !l.track(to) {
		return
	}
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[1], &held{way[0], l})
			done <- struct{}{}
		}()
	}
	<-done
}

// held delivers what it read once the link forwards data.
type held struct {
	net.Conn
	link *Link
}

func (h *held) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if !h.link.await() {
		return 0, net.ErrClosed
	}
	return n, err
}
