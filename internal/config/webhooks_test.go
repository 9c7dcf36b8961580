package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWebhookVariables(t *testing.T) {
	t.Parallel()
	var of Config
	require.NoError(t, webhookSecrets(&of, strings.Join([]string{strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 64)}, ",")))
	require.Equal(t, []Secret{Secret(strings.Repeat("a", 32)), Secret(strings.Repeat("b", 32)), Secret(strings.Repeat("c", 64))}, of.Defaults.WebhookSecrets,
		"each subscription may have its own")

	cfg, err := Load(complete("SERVICETITAN_WEBHOOK_ENTITIES=location = locations ; job.completed=jobs, invoices", "SERVICETITAN_WEBHOOK_ENCODING=hex",
		"SYNC_WEBHOOK_SECOND_PASS=off"), serve)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"location": {"locations"}, "job.completed": {"jobs", "invoices"}}, cfg.ServiceTitan.WebhookEntities)
	require.Equal(t, "hex", cfg.ServiceTitan.WebhookEncoding)
	require.Zero(t, cfg.Sync.SecondPass)

	cfg, err = Load(complete(), serve)
	require.NoError(t, err)
	require.Equal(t, "5m0s", cfg.Sync.SecondPass.String())
	require.Empty(t, cfg.ServiceTitan.WebhookEncoding)
}
