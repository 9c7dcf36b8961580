// Package deploytest tests the deployment files without a container engine: docker-compose.yml
// with Compose's loader, the manifests with Kustomize and Kubernetes' types, nats.conf and the
// script for PostgreSQL's users with real servers.
//
// Only the tests of package examples may import it. They run the roles as docker-compose.yml
// configures them, with the users that SetUpPostgres creates.
package deploytest
