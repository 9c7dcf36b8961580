// Package stream is the only package that speaks to NATS. It connects, declares
// the streams and consumers, publishes events, hands messages to the bridge and
// the notifier in batches and settles them, parks what was rejected, and follows
// events as they happen.
//
// internal/app connects once per process and gives the Conn to the bridge, the
// notifier, the gateway, the activities and the command line, each of which
// names the few methods it needs in an interface of its own. The package imports
// events and nothing else of ours; it never looks into an event's data.
package stream
