// Package probe asks whether what a role needs works: each Probe does a little of what the
// role does. internal/app lists the probes of each role; readiness, the doctor and the
// pause of the bridge while something is down all use them. It imports nothing of ours.
package probe
