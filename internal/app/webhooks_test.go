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

	_, err = Load(complete("SERVICETITAN_WEBHOOK_ENTITIES=job=jbos", "SERVICETITAN_WEBHOOK_ENCODING=hexadecimal", "SYNC_WEBHOOK_SECOND_PASS=5"), ServeRole)
	require.Equal(t, Problems{
		`SERVICETITAN_WEBHOOK_ENCODING: got "hexadecimal", want hex, base64 or any`,
		`SERVICETITAN_WEBHOOK_ENTITIES: got "job=jbos", want event=entity,entity;event=entity: "jbos" is no entity, lazisync entities lists them`,
		`SYNC_WEBHOOK_SECOND_PASS: got "5", want a duration with a unit, as 90s or 5m, or off`,
	}, err)
	_, err = Load(complete("SERVICETITAN_WEBHOOK_ENTITIES=jobs"), ServeRole)
	require.ErrorContains(t, err, "want event=entity,entity;event=entity")
}
