// Package process runs programs for tests that stop, kill and freeze them, and keeps their
// output. The end-to-end tests use it for lazisync, the fault tests also for all servers.
// Other tests of this module use only its Log.
package process
