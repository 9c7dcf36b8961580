package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

// tenantsIn writes a tenants file and returns an environment that names it.
func tenantsIn(t *testing.T, content string, more ...string) (path string, environ []string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "tenants.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path, append([]string{"DATABASE_URL=postgres://lazi:db-password@127.0.0.1:5432/lazi", "SERVICETITAN_TENANTS_FILE=" + path}, more...)
}

func TestTenantsFile(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 40)
	path, environ := tenantsIn(t, `{"tenants": [
		{"id": 1039746210, "clientId": "cid.1", "clientSecret": "cs.one", "requestsPerSecond": 7.5,
		 "webhookSecret": ["`+key+`", "`+key+`2"], "entities": ["jobs", "customers"], "scheduleFull": "off", "scheduleVerify": "0 5 * * 6",
		 "scheduleIncremental": "*/5 * * * *", "timezone": "America/Denver", "channel": "#one"},
		{"id": "1039746211", "clientId": "cid.2", "clientSecretFile": "two.secret", "entities": "*", "appKey": "ak.two"}
	]}`, "SERVICETITAN_APP_KEY=ak.shared", "SYNC_ENTITIES=invoices", "SLACK_CHANNEL=#all")
	secret := filepath.Join(filepath.Dir(path), "two.secret")
	require.NoError(t, os.WriteFile(secret, []byte("cs.two\n"), 0o600))

	cfg, err := Load(environ, serve)
	require.NoError(t, err)
	require.Equal(t, []events.TenantID{"1039746210", "1039746211"}, cfg.TenantIDs())
	one, two := cfg.Tenants[0], cfg.Tenants[1]
	require.Equal(t, []string{"cid.1", "cs.one", "ak.shared"}, []string{one.ClientID, string(one.ClientSecret), string(one.AppKey)})
	require.Equal(t, []string{"cid.2", "cs.two", "ak.two"}, []string{two.ClientID, string(two.ClientSecret), string(two.AppKey)})
	require.Equal(t, 7.5, one.RequestsPerSecond)
	require.Equal(t, 50.0, two.RequestsPerSecond)
	require.Equal(t, []Secret{Secret(key), Secret(key + "2")}, one.WebhookSecrets)
	require.Empty(t, two.WebhookSecrets)
	require.Equal(t, []string{"jobs", "customers"}, one.Entities)
	require.Greater(t, len(two.Entities), 50)
	require.Equal(t, []string{"off", "*/5 * * * *", "America/Denver", "#one"}, []string{one.ScheduleFull.String(), one.ScheduleIncremental.String(), one.Timezone.String(), one.Channel})
	require.Equal(t, []string{"0 5 * * 6", "off"}, []string{one.ScheduleVerify.String(), two.ScheduleVerify.String()})
	require.Equal(t, []string{"0 3 * * 0", "*/15 * * * *", "UTC", "#all"}, []string{two.ScheduleFull.String(), two.ScheduleIncremental.String(), two.Timezone.String(), two.Channel})

	require.Equal(t, Value{"cid.1", "file " + path}, one.Values()["clientId"])
	require.Equal(t, Value{"***", "file " + path}, one.Values()["clientSecret"])
	require.Equal(t, Value{"***", "file " + secret}, two.Values()["clientSecret"])
	require.Equal(t, Value{"***", "file " + path}, two.Values()["appKey"])
	require.Equal(t, Value{"50", "default"}, two.Values()["requestsPerSecond"])
	require.Equal(t, Value{"#all", "environment"}, two.Values()["channel"])
	shown := fmt.Sprintf("%+v %#v", *cfg, *cfg)
	for _, secret := range []string{"cs.one", "cs.two", "ak.", key} {
		require.NotContains(t, shown, secret)
	}
}

func TestOneTenantFromVariables(t *testing.T) {
	t.Parallel()
	cfg, err := Load(complete("SYNC_ENTITIES=jobs"), serve)
	require.NoError(t, err)
	require.Equal(t, []events.TenantID{"1039746210"}, cfg.TenantIDs())
	require.Equal(t, "#sync-alerts", cfg.Tenants[0].Channel)
	cfg, err = Load(nil, tool)
	require.NoError(t, err)
	require.Empty(t, cfg.Tenants)
}

func TestTenantsFileReportsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	path, environ := tenantsIn(t, `{"version": 2, "tenants": [
		{"id": "acme", "clientId": "", "clientSecrt": "psst", "requestsPerSecond": 600, "webhookSecret": "short-and-secret"},
		{"id": 7, "clientId": {"a": 1}, "clientSecret": "a", "clientSecretFile": "b", "appKeyFile": "none", "entities": ["custmers"], "scheduleFull": "daily"},
		{"id": 7, "clientId": "c", "clientSecret": null, "zone": "UTC"},
		{"id": 8, "clientId": "c", "clientId": "d"},
		"nine",
		{}
	]}`, "SERVICETITAN_CLIENT_ID=cid", "SERVICETITAN_CLIENT_SECRET_FILE=/run/s", "SYNC_TIMEZONE=Mars")
	_, err := Load(environ, worker)
	var problems Problems
	require.ErrorAs(t, err, &problems)
	at := "SERVICETITAN_TENANTS_FILE " + path + ": "
	require.Equal(t, Problems{
		`SERVICETITAN_CLIENT_SECRET_FILE: got "/run/s", which does not exist; want a file that contains the value: client secret`,
		`SYNC_TIMEZONE: got "Mars", want a time zone such as America/Los_Angeles or UTC`,
		`SERVICETITAN_TENANTS_FILE and SERVICETITAN_CLIENT_ID are both set, want only one`,
		`SERVICETITAN_TENANTS_FILE and SERVICETITAN_CLIENT_SECRET are both set, want only one`,
		at + `version: unknown key; want tenants only`,
		at + `tenants[0]: id: got "acme", want the tenant's number, digits only`,
		at + `tenants[0]: clientId: got an empty string, want client id of the app in this tenant`,
		at + `tenants[0]: clientSecret: not given, want client secret`,
		at + `tenants[0]: appKey: not given, and SERVICETITAN_APP_KEY is not set: want key of the app, sent as ST-App-Key`,
		at + `tenants[0]: requestsPerSecond: got "600", want a number from 0.01 to 60, ServiceTitan's limit`,
		at + `tenants[0]: webhookSecret: got "***", want one or more keys separated by commas, each at least 32 ASCII characters long and without spaces`,
		at + `tenants[0]: clientSecrt: unknown field; did you mean clientSecret?`,
		at + `tenant 7: clientId: got an object, want client id of the app in this tenant`,
		at + `tenant 7: clientSecret: clientSecret and clientSecretFile are both set, want only one`,
		at + fmt.Sprintf(`tenant 7: appKeyFile: got %q, which does not exist, want a file that contains the value: key of the app, sent as ST-App-Key`, filepath.Join(filepath.Dir(path), "none")),
		at + `tenant 7: entities: got "custmers", want names of entities, separated by commas, or *: got "custmers", want a known entity (did you mean customers?)`,
		at + `tenant 7: scheduleFull: got "daily", want a cron expression with five fields, or off`,
		at + `tenants[2].id: duplicate tenant 7`,
		at + `tenant 7: clientSecret: got null, want client secret`,
		at + `tenant 7: appKey: not given, and SERVICETITAN_APP_KEY is not set: want key of the app, sent as ST-App-Key`,
		at + `tenant 7: zone: unknown field; want one of id, clientId, clientSecret, clientSecretFile, appKey, appKeyFile, requestsPerSecond, webhookSecret, webhookSecretFile, entities, scheduleIncremental, scheduleFull, scheduleVerify, timezone, minInterval, channel`,
		at + `tenants[3]: got clientId twice; want an object with id, clientId and other fields`,
		at + `tenants[4]: got a string; want an object with id, clientId and other fields`,
		at + `tenants[5]: id: not given, want the tenant's number`,
		at + `tenants[5]: clientId: not given, want client id of the app in this tenant`,
		at + `tenants[5]: clientSecret: not given, want client secret`,
		at + `tenants[5]: appKey: not given, and SERVICETITAN_APP_KEY is not set: want key of the app, sent as ST-App-Key`,
	}, problems)
	require.NotContains(t, err.Error(), "psst")
	require.NotContains(t, err.Error(), "short-and-secret")
}

func TestTenantsFileWithInvalidJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, want string }{
		"empty":      {"", `not JSON, in line 1; want {"tenants": [{"id": …}, …]}`},
		"not JSON":   {"{\n\"tenants\": psst}", `not JSON, in line 2; want`},
		"two values": {`{"tenants": []} {}`, `not JSON, in line 1; want`},
		"a list":     {`[{"id": 1}]`, `got an array; want {"tenants"`},
		"no list":    {`{"tenants": {"id": 1}}`, `tenants: got an object, want an array of tenants`},
		"nobody":     {`{"tenants": []}`, `tenants: got none, want at least one`},
		"nothing":    {`{}`, `tenants: got none, want at least one`},
		"a control":  {`{"tenants": [{"id": "1\u0000"}]}`, `tenants[0]: id: got "1\x00", want a value without the character U+0000`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, environ := tenantsIn(t, c.content)
			_, err := Load(environ, bridge)
			require.ErrorContains(t, err, "SERVICETITAN_TENANTS_FILE "+path+": "+c.want)
			require.NotContains(t, err.Error(), "psst")
		})
	}
	_, err := Load([]string{"SERVICETITAN_TENANTS_FILE=/does/not/exist"}, tool)
	require.ErrorContains(t, err, `SERVICETITAN_TENANTS_FILE: got "/does/not/exist", want the path of a file that exists`)
	require.NotContains(t, err.Error(), "cannot be read")
}

// Blanks, quotes and byte order marks around a value have no effect.
func TestTenantsFileValuesAreTrimmed(t *testing.T) {
	t.Parallel()
	_, environ := tenantsIn(t, `{"tenants": [{"id": 1, "clientId": "cid.1", "clientSecretFile": "secret", "entities": ["jobs", "customers"], "timezone": "America/Denver"}]}`)
	path, marked := tenantsIn(t, "\ufeff\r\n"+`{"tenants": [{"id": " 1\r\n", "clientId": "\ufeffcid.1\n", "clientSecretFile": " secret ", "entities": [" jobs", "customers\n"], "timezone": "\"America/Denver\""}]}`+"\r\n")
	for _, e := range [][]string{environ, marked} {
		file := strings.TrimPrefix(e[1], "SERVICETITAN_TENANTS_FILE=")
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "secret"), []byte("\ufeffcs.1\r\n"), 0o600))
	}
	want, err := Load(environ, bridge)
	require.NoError(t, err)
	got, err := Load(marked, bridge)
	require.NoError(t, err)
	require.Equal(t, "cs.1", string(got.Tenants[0].ClientSecret))
	got.Tenants[0].values, want.Tenants[0].values = nil, nil
	require.Equal(t, want.Tenants, got.Tenants)

	require.NoError(t, os.WriteFile(path, []byte("\xff\xfe{\x00"), 0o600))
	_, err = Load(marked, bridge)
	require.ErrorContains(t, err, "want the path of a file that can be read, not of one which holds no text in UTF-8")
	for content, reason := range map[string]string{"": "which is empty", " \n": "which is empty", "\xff\xfec": "which holds no text in UTF-8"} {
		secret := strings.TrimPrefix(environ[1], "SERVICETITAN_TENANTS_FILE=")
		secret = filepath.Join(filepath.Dir(secret), "secret")
		require.NoError(t, os.WriteFile(secret, []byte(content), 0o600))
		_, err = Load(environ, bridge)
		require.ErrorContains(t, err, fmt.Sprintf("tenant 1: clientSecretFile: got %q, %s", secret, reason))
	}
}

// A file with secrets that every user of the machine can read is an error.
func TestTenantsFileReadableByOthersIsRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secret string
		mode   fs.FileMode
		open   bool
	}{
		{`"clientSecret": "cs"`, 0o644, true},
		{`"webhookSecret": "` + strings.Repeat("k", 40) + `"`, 0o604, true},
		{`"clientSecret": "cs"`, 0o640, false},
		{`"clientSecretFile": "secret"`, 0o644, false},
	} {
		path, environ := tenantsIn(t, `{"tenants": [{"id": 1, "clientId": "c", `+c.secret+`}]}`)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "secret"), []byte("cs"), 0o600))
		require.NoError(t, os.Chmod(path, c.mode))
		_, err := Load(environ, bridge)
		if !c.open {
			require.NoError(t, err, c)
			continue
		}
		require.ErrorContains(t, err, fmt.Sprintf("%s: has mode %#o and holds secrets", path, c.mode))
		require.ErrorContains(t, err, "chmod o= "+path)
	}
}

func TestRolesRequireOnlyTheTenantFieldsTheyUse(t *testing.T) {
	t.Parallel()
	_, environ := tenantsIn(t, `{"tenants": [{"id": 1}]}`)
	for _, o := range []Options{tool, bridge} {
		_, err := Load(environ, o)
		require.NoError(t, err)
	}
	_, err := Load(environ, worker)
	require.ErrorContains(t, err, "tenant 1: clientId: not given")
	require.ErrorContains(t, err, "tenant 1: appKey: not given")
}
