// Package telemetry has what a process reports about itself: its logger, its metrics
// registry, the export of its traces and metrics to an OpenTelemetry collector, its version,
// and a warning when it may open too few files.
//
// internal/app and the commands call it. It imports internal/config and internal/outage.
package telemetry
