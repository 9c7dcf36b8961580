package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWebhookVariables(t *testing.T) {
	t.Parallel()
	cfg, err := Load(complete("SERVICETITAN_WEBHOOK_ENTITIES=location = locations ; job.completed=jobs, invoices", "SERVICETITAN_WEBHOOK_ENCODING=hex",
		"SYNC_WEBHOOK_SECOND_PASS=off"), ServeRole)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"location": {"locations"}, "job.completed": {"jobs", "invoices"}}, cfg.ServiceTitan.WebhookEntities)
	require.Equal(t, "hex", cfg.ServiceTitan.WebhookEncoding)
	require.Zero(t, cfg.Sync.SecondPass)

	cfg, err = Load(complete(), ServeRole)
	require.NoError(t, err)
	require.Equal(t, "5m0s", cfg.Sync.SecondPass.String())
	require.Empty(t, cfg.ServiceTitan.WebhookEncoding)
}
