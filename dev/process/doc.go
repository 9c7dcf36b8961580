// Package process runs programs for tests that stop, kill and freeze them, and keeps
// what they say. The end-to-end tests use it for lazisync, the fault tests also for every
// server around it; other tests of this module take its Log alone.
package process
