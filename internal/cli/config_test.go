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
	require.NotContains(t, text.String()+json.String(), "ak.hidden")
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
