package ports

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// claims are the ports that this process was given and that no other of ours may be
// given while it lives: who asked for one may listen on it much later, on a busy machine.
//
// A claim is a UDP socket bound to the port's number. Nothing here uses UDP, so it is in
// the way of no other claim; the kernel releases it when the process ends, in whatever way; and
// it holds where the port itself would be taken, and nowhere else: another network
// namespace, a container's for example, has ports of its own, also where it shares
// folders with this one.
var claims = struct {
	sync.Mutex
	sockets map[int]net.PacketConn
}{sockets: map[int]net.PacketConn{}}

// claim says whether nobody was given a port, and keeps it from being given to others
// until this process ends.
func claim(port int) bool {
	claims.Lock()
	defer claims.Unlock()
	if claims.sockets[port] != nil {
		return false
	}
	return bind(port) == nil
}

// promised says whether a usual port was given to another process of ours, which may be
// about to listen on it. If not, it is ours from now on.
func promised(port int) bool {
	claims.Lock()
	defer claims.Unlock()
	if claims.sockets[port] != nil {
		return false
	}
	return errors.Is(bind(port), syscall.EADDRINUSE)
}

// bind claims a port. The lock is held.
func bind(port int) error {
	socket, err := net.ListenPacket("udp4", Addr(port))
	if err == nil {
		claims.sockets[port] = socket
	}
	return err
}
