// Package natsserver runs nats-server with JetStream in this process, on 127.0.0.1,
// with its streams in a folder: one server, or a cluster whose servers can be stopped and
// disconnected from each other.
//
// lazisync-dev and the tests of this module call it. It declares no streams; that is
// the work of internal/stream.
package natsserver
