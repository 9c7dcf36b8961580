// Package streamtest tests internal/stream against a real nats-server in the same process. It
// contains only tests, and is in this module because the production module must not depend on the
// server.
package streamtest
