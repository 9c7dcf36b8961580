// Package natsserver runs nats-server with JetStream inside this process, on
// 127.0.0.1, with its streams in a folder.
//
// lazisync-dev and the tests of this module call it. It declares no stream and
// knows no subject: that is internal/stream's work, on any NATS.
package natsserver
