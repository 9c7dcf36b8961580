package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/config"
)

func TestPrintConfig(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{
		"SERVICETITAN_TENANT_ID=7", "SERVICETITAN_APP_KEY=ak.hidden", "SYNC_SCHEDULE_FULL=30 2 * * 0", "SYNC_TIMEZONE=America/Denver",
	}, config.Options{})
	require.NoError(t, err)
	var text, json bytes.Buffer
	require.NoError(t, PrintConfig(cfg, false, &text))
	require.NoError(t, PrintConfig(cfg, true, &json))
	const warning = `schedule lazisync-full-7: 30 2 \* \* 0 does not run on 20\d\d-03-\d\d: clocks in America/Denver go forward`
	require.Regexp(t, `(?m)^SERVICETITAN_APP_KEY +\*\*\* +environment$`, text.String())
	require.Regexp(t, `(?m)^warning: `+warning, text.String())
	require.Regexp(t, `"warnings":\["`+warning, json.String())
	require.Contains(t, json.String(), `"SERVICETITAN_APP_KEY":{"text":"***","from":"environment"}`)
	require.NotContains(t, text.String()+json.String(), "ak.hidden")
}

func TestPrintConfigWarnsOfAMissingKey(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load([]string{"SERVICETITAN_TENANT_ID=7", "SYNC_FIELDS=customers.name=hash"}, config.Options{})
	require.NoError(t, err)
	var text, json bytes.Buffer
	require.NoError(t, PrintConfig(cfg, false, &text))
	require.NoError(t, PrintConfig(cfg, true, &json))
	const warning = "SYNC_FIELDS_KEY: not set, want a key of at least 32 characters, because SYNC_FIELDS hashes customers.name; worker and serve do not start"
	require.Contains(t, text.String(), "\nwarning: "+warning+"\n")
	require.Contains(t, json.String(), `"warnings":["`+warning+`"]`)
}

func TestPrintConfigOfSeveralTenants(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tenants.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"tenants": [{"id": 7, "clientId": "cid.1", "clientSecret": "cs.hidden"}, {"id": 8}]}`), 0o600))
	cfg, err := config.Load([]string{"SERVICETITAN_TENANTS_FILE=" + path, "SLACK_CHANNEL=#all"}, config.Options{})
	require.NoError(t, err)
	var text, json bytes.Buffer
	require.NoError(t, PrintConfig(cfg, false, &text))
	require.NoError(t, PrintConfig(cfg, true, &json))
	require.Regexp(t, `(?s)TENANT 7 +VALUE +FROM\nclientId +cid\.1 +file `+path+`\nclientSecret +\*\*\* +file `+path+`\n`, text.String())
	require.Regexp(t, `(?s)TENANT 8 .*requestsPerSecond +50 +default\n.*channel +#all +environment\n`, text.String())
	require.NotContains(t, text.String()+json.String(), "cs.hidden")
}
