// Package streamtest tests internal/stream against a real nats-server in the
// same process. It holds nothing but tests; it lives here because the production
// module must not depend on the server.
package streamtest
