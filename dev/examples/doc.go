// Package examples tests the programs in the folder examples with lazisync as it is deployed:
// the roles have the environment of docker-compose.yml, NATS has deploy/nats.conf, and
// PostgreSQL has the users of deploy/postgres. So the tests also show that the permissions are
// sufficient. It runs the commands of docs/consumers.md in the same way, and those of
// docs/getting-started.md with lazisync-dev.
//
// It contains only tests.
package examples
