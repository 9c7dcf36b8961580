// Package probe checks whether the dependencies of a role work. Each Probe carries out a small
// part of what the role does. internal/app defines the probes of each role, which readiness, the
// doctor and the backoff of the bridge share. The package imports nothing of this module.
package probe
