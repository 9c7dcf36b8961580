// Package gatewaytest runs the gateway's webhooks on a real NATS server: how fast they
// are taken, and what is answered when JetStream is full, slow or away. It holds tests
// alone.
package gatewaytest
