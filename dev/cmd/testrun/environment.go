package main

import "strings"

// Variables of real systems must not reach the tests.
var (
	removedPrefixes = []string{"NATS_", "TEMPORAL_", "SERVICETITAN_", "SYNC_", "SLACK_", "LOG_", "OTEL_", "PG"}
	removedNames    = []string{"DATABASE_URL", "DATABASE_URL_FILE", "TEST_DATABASE_URL", "HTTP_ADDR", "ADMIN_ADDR", "API_TOKENS", "API_TOKENS_FILE"}
)

// keptNames match a removed prefix but do not configure a real system.
var keptNames = []string{"PG_BIN"}

func cleanEnvironment(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !isRemoved(name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func isRemoved(name string) bool {
	for _, kept := range keptNames {
		if name == kept {
			return false
		}
	}
	for _, exact := range removedNames {
		if name == exact {
			return true
		}
	}
	for _, prefix := range removedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
