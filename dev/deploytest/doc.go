// Package deploytest judges what lazisync is deployed with, as far as that goes without
// a container engine: docker-compose.yml by Compose's own loader, the manifests by
// Kustomize and Kubernetes' own types, nats.conf and the script for PostgreSQL's users by
// real servers.
//
// The tests of package examples run the roles as Compose says and with the users that
// SetUpPostgres makes. Nothing else may import it.
package deploytest
