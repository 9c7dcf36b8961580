// Package process runs programs for tests that stop, kill and freeze them, and keeps
// what they say. The fault tests use it for lazisync and for every server around it.
package process
