package main

import "strings"

// An environment that is set up for real systems must not reach the tests.
var (
	droppedPrefixes = []string{"NATS_", "TEMPORAL_", "SERVICETITAN_", "SYNC_", "SLACK_", "LOG_", "OTEL_", "PG"}
	droppedNames    = []string{"DATABASE_URL", "DATABASE_URL_FILE", "TEST_DATABASE_URL", "HTTP_ADDR", "ADMIN_ADDR", "API_TOKENS", "API_TOKENS_FILE"}
)

// keptNames only look as if they said where a system is.
var keptNames = []string{"PG_BIN"}

func cleanEnvironment(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !dropped(name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func dropped(name string) bool {
	for _, kept := range keptNames {
		if name == kept {
			return false
		}
	}
	for _, exact := range droppedNames {
		if name == exact {
			return true
		}
	}
	for _, prefix := range droppedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
