// Package examples runs the programs of the folder examples against lazisync as it is
// deployed: the roles have the environment that docker-compose.yml gives them, NATS has
// deploy/nats.conf, and PostgreSQL the users that deploy/postgres makes. What a role or
// an example may not do, it therefore does not need.
//
// It holds tests alone.
package examples
