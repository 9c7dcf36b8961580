// Package deploytest judges what lazisync is deployed with, as far as that goes without
// a container engine: docker-compose.yml by Compose's own loader, the manifests by
// Kustomize and Kubernetes' own types, nats.conf and the script for PostgreSQL's users by
// real servers.
//
// Its tests use Compose to learn the environment of a role. It holds nothing else.
package deploytest
