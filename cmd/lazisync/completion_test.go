package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompletionKnowsNames(t *testing.T) {
	t.Parallel()
	environ := []string{"SERVICETITAN_TENANT_ID=1039746210"}
	for line, want := range map[string]string{
		"request ":                            "incremental",
		"request full --entities ":            "customers",
		"request full --entities customers,j": "customers,jobs",
		"request full --tenant ":              "1039746210",
		"status --tenant ":                    "1039746210",
		"runs ls --state ":                    "paused",
		"runs ls --mode ":                     "rebuild",
		"runs ls --entity ":                   "invoices",
		"events tail --type ":                 "completed",
		"deadletter ls --code ":               "unknownEntity",
		"deadletter replay --code ":           "expired",
		"schedules pause ":                    "lazisync-full-1039746210",
		"doctor --role ":                      "worker",
		"healthcheck ":                        "gateway",
	} {
		words := strings.Split(line, " ")
		code, stdout, stderr := lazisync(t, environ, append([]string{"__complete"}, words...)...)
		require.Zero(t, code, stderr)
		require.Contains(t, "\n"+stdout, "\n"+want, line)
	}
	// What cannot be read completes nothing, and prints nothing into the command line.
	for _, line := range []string{"runs show ", "pause ", "events tail --run "} {
		code, stdout, _ := lazisync(t, nil, append([]string{"__complete"}, strings.Split(line, " ")...)...)
		require.Zero(t, code)
		require.Equal(t, ":4\n", stdout, line)
	}
}
