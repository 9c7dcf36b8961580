package ports

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// claims holds the ports that this process has selected. No other lazisync process selects
// them while this one runs, although a server may start to listen much later.
//
// A claim is a UDP socket on the port's number. No development server uses UDP, so a claim
// conflicts only with another claim. The kernel releases it when the process ends. It is
// valid in the same network namespace as the port itself: a container, for example, has its
// own ports even if it shares folders with this process.
var claims = struct {
	sync.Mutex
	sockets map[int]net.PacketConn
}{sockets: map[int]net.PacketConn{}}

// claim claims a port until this process ends. It returns false if any process, including
// this one, has claimed the port.
func claim(port int) bool {
	claims.Lock()
	defer claims.Unlock()
	if claims.sockets[port] != nil {
		return false
	}
	return bind(port) == nil
}

// claimedByOther reports whether another lazisync process has claimed a default port, on
// which it may not listen yet. If not, this process claims it.
func claimedByOther(port int) bool {
	claims.Lock()
	defer claims.Unlock()
	if claims.sockets[port] != nil {
		return false
	}
	return errors.Is(bind(port), syscall.EADDRINUSE)
}

// bind claims a port. The caller holds the lock.
func bind(port int) error {
	socket, err := net.ListenPacket("udp4", Addr(port))
	if err == nil {
		claims.sockets[port] = socket
	}
	return err
}
