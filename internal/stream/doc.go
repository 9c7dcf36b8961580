// Package stream is the adapter for NATS and the only package that uses nats.go. It connects,
// declares streams and consumers, publishes events, delivers messages in batches and settles
// them, writes and replays dead letters, and subscribes to events.
//
// internal/app connects once per process and passes the Conn to the bridge, the notifier, the
// gateway, the activities and the commands, each of which declares the methods it needs in an
// interface of its own. The package imports events and nothing else of this module. Of the
// data of an event it reads only the run number.
package stream
