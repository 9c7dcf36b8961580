package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entry          string
		backingService backingService
		want           string
	}{
		"nothing":             {"PATH=/bin", natsJetStream, ""},
		"an address":          {"NATS_URL=nats://elsewhere", natsJetStream, "NATS_URL"},
		"empty":               {"NATS_URL=", natsJetStream, ""},
		"in a file":           {"DATABASE_URL_FILE=/run/secrets/url", postgreSQL, "DATABASE_URL_FILE"},
		"credentials alone":   {"NATS_CREDS=/creds", natsJetStream, ""},
		"another API":         {"SERVICETITAN_API_URL=http://elsewhere", serviceTitan, "SERVICETITAN_API_URL"},
		"the real one":        {"SERVICETITAN_CLIENT_ID=cid", serviceTitan, "SERVICETITAN_CLIENT_ID"},
		"several tenants":     {"SERVICETITAN_TENANTS_FILE=/run/tenants.json", serviceTitan, "SERVICETITAN_TENANTS_FILE"},
		"only a tenant":       {"SERVICETITAN_TENANT_ID=1", serviceTitan, ""},
		"several for Slack":   {"SLACK_WEBHOOK_URLS=#a=https://b", slackWebhook, ""},
		"Temporal":            {"TEMPORAL_ADDRESS=elsewhere:7233", temporalServer, "TEMPORAL_ADDRESS"},
		"Temporal's TLS only": {"TEMPORAL_TLS=true", temporalServer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, newEnvironment([]string{c.entry}).configured(c.backingService))
		})
	}
}

func TestReplaceReplacesAllVariablesOfAService(t *testing.T) {
	t.Parallel()
	e := newEnvironment([]string{
		"PATH=/bin", "SERVICETITAN_TENANT_ID=42", "SERVICETITAN_CLIENT_SECRET_FILE=/run/secrets/s", "SERVICETITAN_REQUESTS_PER_SECOND=7", "NATS_CREDS=/creds",
	})
	e.replace(serviceTitan, map[string]string{"SERVICETITAN_TENANT_ID": "1"})
	require.Equal(t, []string{"NATS_CREDS=/creds", "PATH=/bin", "SERVICETITAN_REQUESTS_PER_SECOND=7", "SERVICETITAN_TENANT_ID=1"}, e.entries())
}

func TestRemoveLazisyncVariables(t *testing.T) {
	t.Parallel()
	e := newEnvironment([]string{
		"PATH=/bin", "HOME=/root", "DATABASE_URL=postgres://production", "SYNC_ENTITYS=misspelt", "HTTP_ADDR=0.0.0.0:80", "API_TOKENS_FILE=/tokens",
		"LOG_LEVEL=", "NATS_CONTEXT=production",
	})
	require.Equal(t, []string{"API_TOKENS_FILE", "DATABASE_URL", "HTTP_ADDR", "NATS_CONTEXT", "SYNC_ENTITYS"}, e.removeLazisyncVariables())
	require.Equal(t, []string{"HOME=/root", "PATH=/bin"}, e.entries())
}
