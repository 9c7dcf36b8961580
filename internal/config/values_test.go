package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// values has a value for every variable without a default, and for those whose default users
// usually change.
func values(t *testing.T) map[string]string {
	t.Helper()
	cert, key := testPair(t, time.Now().Add(time.Hour))
	tenants := testFile(t, `{"tenants": [{"id": 1039746210, "clientId": "cid.1", "clientSecretFile": "secret", "appKey": "ak.1"}]}`)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(tenants), "secret"), []byte("cs.1"), 0o600))
	token := strings.Repeat("t", 32)
	return map[string]string{
		"NATS_CREDS": testFile(t, testCreds), "NATS_REPLICAS": "3", "NATS_JS_DOMAIN": "hub", "NATS_TLS_CA": cert, "NATS_TLS_CERT": cert, "NATS_TLS_KEY": key,
		"TEMPORAL_API_KEY": "eyJhbGciOi.x.y", "TEMPORAL_TLS": "true", "TEMPORAL_TLS_CA": cert, "TEMPORAL_TLS_CERT": cert, "TEMPORAL_TLS_KEY": key,
		"TEMPORAL_TLS_SERVER_NAME": "temporal.internal", "DATABASE_URL": "postgres://lazi:pass-word@db:5432/lazi?sslmode=disable",
		"SERVICETITAN_API_URL": "https://api.example.com", "SERVICETITAN_AUTH_URL": "https://auth.example.com", tenantsFileVariable: tenants,
		"SERVICETITAN_TENANT_ID": "1039746210", "SERVICETITAN_CLIENT_ID": "cid.x", "SERVICETITAN_CLIENT_SECRET": "cs1.secret", "SERVICETITAN_APP_KEY": "ak1.key",
		"SERVICETITAN_WEBHOOK_SECRET": strings.Repeat("k", 40) + "," + strings.Repeat("l", 40), "SERVICETITAN_WEBHOOK_ENTITIES": "location=locations;job.completed=jobs,invoices",
		"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x", "SLACK_WEBHOOK_URLS": "#ops=https://hooks.slack.com/services/T/B/y",
		"SLACK_BOT_TOKEN": botToken, "SLACK_API_URL": "https://slack-gov.com/api",
		"SLACK_RUN_URL": "https://temporal.example.com/{workflowId}", "ADMIN_ADDR": "127.0.0.1:9090", "API_TOKENS": "ops=" + token + ",page:viewer=" + token + "2",
		"NOTIFY_WEBHOOK_URL": "https://example.com/hook?x=y", "NOTIFY_WEBHOOK_SECRET": signingKey + "," + signingKey,
		"NOTIFY_URLS":   "oncall=pagerduty://key mail=smtp://u:p@h:25/?from=a@b&to=c@d",
		"NOTIFY_ROUTES": "1001=failed,recovered:#oncall,webhook;*=*:#data", "LOG_LEVEL": "warn",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com:4318/otlp", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=k,authorization=Basic%20eDp5",
		"SYNC_FIELDS": "employees.hourlyRate=drop; customers.address.*=hash", "SYNC_FIELDS_KEY": strings.Repeat("f", 32),
		"OTEL_SERVICE_NAME": "sync", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging,team=data%20platform",
	}
}

const botToken = "xoxb-0123456789-abcdefghij"

const signingKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// with returns an environment with a value of a variable, and with the variables that it requires.
func with(name, value string, all map[string]string) []string {
	environ := []string{name + "=" + value}
	for cert, key := range map[string]string{"NATS_TLS_CERT": "NATS_TLS_KEY", "TEMPORAL_TLS_CERT": "TEMPORAL_TLS_KEY"} {
		if name == cert {
			environ = append(environ, key+"="+all[key])
		}
		if name == key {
			environ = append(environ, cert+"="+all[cert])
		}
	}
	return environ
}

// Blanks, quotes and byte order marks around a value are removed, for every variable and every file
// with a value. The error of an invalid value names the variable.
func TestEveryVariableIsTrimmedAndValidated(t *testing.T) {
	t.Parallel()
	all := values(t)
	for _, v := range Variables {
		clean := all[v.Name]
		if clean == "" {
			clean = v.Default
		}
		require.NotEmpty(t, clean, v.Name)
		want, err := Load(with(v.Name, clean, all), tool)
		require.NoError(t, err, v.Name)
		for how, text := range map[string]string{
			"blanks": "  " + clean + " \t", "a newline": clean + "\n", "CRLF": clean + "\r\n", "a byte order mark": "\ufeff" + clean, "quotes": `"` + clean + `"`,
			"single quotes": " '" + clean + "'\n", "a hard blank": clean + "\u00a0", "a zero-width blank": "\u200b" + clean,
		} {
			got, err := Load(with(v.Name, text, all), tool)
			require.NoError(t, err, "%s with %s", v.Name, how)
			require.Equal(t, want, got, "%s with %s", v.Name, how)
			if !v.AllowsFile() {
				continue
			}
			path := testFile(t, text)
			got, err = Load([]string{v.Name + "_FILE=" + path + " \n"}, tool)
			require.NoError(t, err, "%s in a file with %s", v.Name, how)
			require.Equal(t, "file "+path, got.Value(v.Name).From)
			got.values[v.Name] = want.Value(v.Name)
			require.Equal(t, want, got, "%s in a file with %s", v.Name, how)
		}
		unset, err := Load(nil, tool)
		require.NoError(t, err)
		for _, empty := range []string{"", " ", "\r\n", `""`, "\ufeff"} {
			got, err := Load([]string{v.Name + "=" + empty}, tool)
			require.NoError(t, err, "%s=%q", v.Name, empty)
			require.Equal(t, unset, got, "%s=%q", v.Name, empty)
		}
		for _, garbage := range []string{
			"\x00", "a\x00b", "\xff\xfe", "a\x1bb", "a\nb c", "a\u200bb", "! ,;=\t?", "NaN:NaN NaN", clean + " " + clean + "\x01", clean + "\n\n\x7f" + clean,
		} {
			refused(t, v.Name, with(v.Name, garbage, all))
			if v.AllowsFile() {
				refused(t, v.Name, []string{v.Name + "_FILE=" + testFile(t, garbage)})
			}
		}
	}
}

// refused requires a problem that begins with the name of the variable and contains no secret.
func refused(t *testing.T, name string, environ []string) string {
	t.Helper()
	_, err := Load(environ, tool)
	var problems Problems
	require.ErrorAs(t, err, &problems, "%q", environ)
	require.Len(t, problems, 1, "%q", environ)
	require.Regexp(t, "^"+name+`(_FILE)?(:| and ).* want `, problems[0])
	require.NotContains(t, problems[0], "pass-word")
	return problems[0]
}

func TestInvalidValuesAreRejected(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("t", 32)
	for name, list := range map[string][]string{
		"NATS_URL": {
			"nats://", "nats://:4222", "nats://host:0", "nats://host:99999", "nats://host:", "nats://ho st", "nats://a:1,,nats://b:2", "nats://a:1,",
			"ws://a:1,nats://b:2", "nats://u:pass-word#1@host:4222", "http://host:4222", "host:4222", "nats://host/path", "nats://host?x=1", "nats://h\u00f6st:1",
		},
		"NATS_REPLICAS":            {"0", "2", "4", "6", "7", "-1", "3.0", "03", "three", "1,3"},
		"NATS_JS_DOMAIN":           {"a b", ".", "a.b", "a.", ">", "*", "hub>"},
		"NATS_INBOX_PREFIX":        {"a b", ".", "a..b", "a.>", "a.*.b", "a."},
		"TEMPORAL_ADDRESS":         {":7233", "host", "host:", "host:0", "host:65536", "host:-1", "host:+80", "http://host:7233", "host:7233/", "a,b:1", "u@host:7233", "host:grpc"},
		"TEMPORAL_NAMESPACE":       {"a b", strings.Repeat("n", 256)},
		"TEMPORAL_TASK_QUEUE":      {"a b", "/_sys/queue", strings.Repeat("q", 250)},
		"TEMPORAL_API_KEY":         {"a b", "a\nb", "k\u00e9y"},
		"TEMPORAL_TLS":             {"yes", "2", "truefalse"},
		"TEMPORAL_TLS_SERVER_NAME": {"https://host", "host:7233", "a b", "a..b"},
		"DATABASE_URL": {
			"postgres://", "postgres:///db", "postgres://u:pass-word@db:99999/x", "postgres://u:pass-word@db:0/x", "postgres://u:pass-word/1@db/x", "postgres://u:pass#word@db/x",
			"postgres://u:pass-word@db/x?sslmode=maybe", "postgres://u:pass-word@db/x?sslmodee=require", "postgres://u:pass-word@db/x?timezone=Europe/Berlin",
			"postgres://u:pass-word@db/x?TimeZone=UTC", "postgres://u:pass-word@db/x?client_encoding=LATIN1", "postgres://u:pass-word@db/x?pool_max_conns=3",
			"postgres://u:pass-word@db/x?target_session_attrs=standby", "postgres://u:pass-word@db/x?schema=public", "postgres://u:pass-word@db/x?connect_timeout=soon",
			"postgres://u:pass-word@db/x?sslrootcert=/does/not/exist", "postgres://u:pass-word@db/x?%zz", "postgres://u:pass-word@db/x?sslmode=require&sslmode=disable",
			"host=db user=lazi", "http://db/x", "db/x",
		},
		"SERVICETITAN_ENVIRONMENT":         {"prod", "Production1", "production,integration"},
		"SERVICETITAN_API_URL":             {"https://", "https://u:pass-word@host", "https://host:0", "https://host:70000", "https://host?x=1", "https://host#x", "https://a,https://b", "ftp://host", "//host"},
		"SERVICETITAN_AUTH_URL":            {"https://:443", "https://h ost", "host"},
		"SERVICETITAN_TENANT_ID":           {"007", "+7", "-7", "0", "7.0", "7e3", "0x7", "1_000", "99999999999999999999", "7 8"},
		"SERVICETITAN_CLIENT_ID":           {"a b"},
		"SERVICETITAN_CLIENT_SECRET":       {"a b", "\u201csecret\u201d", "s\u00e9cret"},
		"SERVICETITAN_APP_KEY":             {"a\tb"},
		"SERVICETITAN_REQUESTS_PER_SECOND": {"NaN", "Inf", "-Inf", "0", "-1", "1e-300", "0.001", "60.01", "1e9", "0x1p3", "1_0", "5/s", "1,5"},
		"SERVICETITAN_WEBHOOK_SECRET":      {token + ",", token + ",short", strings.Repeat("k", 20) + " " + strings.Repeat("k", 20), strings.Repeat("\u00e9", 32)},
		"SERVICETITAN_WEBHOOK_HEADER":      {"x header", "x-header:", "x-h\u00e9ader", "a,b"},
		"SERVICETITAN_WEBHOOK_ENCODING":    {"HEX", "base32"},
		"SERVICETITAN_WEBHOOK_ENTITIES":    {"job", "job=", "=jobs", "job=jbos", "job=jobs;", "job=jobs;job=invoices", "a b=jobs"},
		"SYNC_ENTITIES":                    {"customers,", "customers,,jobs", "custmers", "*,jobs", "customers;jobs", "customers jobs"},
		"SYNC_SCHEDULE_INCREMENTAL":        {"every night", "* * * *", "@daily", "0 0 30 2 *", "*/0 * * * *", "60 * * * *", "CRON_TZ=UTC 0 3 * * 0", "*/5 * * * * jobs;", "*/5 * * * * jobs;*/6 * * * * jobs", "off;*/5 * * * * jobs"},
		"SYNC_SCHEDULE_FULL":               {"0 3 * * 0 locations", "0 3 * * 0;0 4 * * 0", "0 3 * * 8", "0 3 31 4,6 *", "OFF", "never"},
		"SYNC_TIMEZONE": {
			"Local", "local", "LOCAL", "localtime", "utc", "america/denver", "AMERICA/Nowhere", "posix/America/Denver", "right/America/Denver", "posixrules", "Factory",
			"../etc/localtime", "/usr/share/zoneinfo/UTC", "UTC+2", "America/Denver/", "zone.tab", "+02:00", "MDT",
		},
		"SYNC_MIN_INTERVAL":        {"-1m", "5", "500ms", "25h", "1d", "never", "00"},
		"SYNC_RUN_DEADLINE":        {"0", "0s", "-1h", "30", "1ns", "999ms", "1000000h", "9999999999h", "1d", "24 h", "Inf", "off"},
		"SYNC_PAUSE_LIMIT":         {"0s", "1us", "721h"},
		"SYNC_WEBHOOK_SECOND_PASS": {"0", "-5m", "5", "1ns", "25h", "later"},
		"SYNC_DELETE_GUARD":        {"NaN", "NaN%", "Inf", "-Inf%", "0", "-1%", "101", "0x10%", "10%%", "1_0", "ten"},
		"SYNC_CHANGES":             {"true", "1", "0", "yes", "ON", "raw.changes"},
		"SYNC_CHANGES_KEEP":        {"30", "30d", "1h", "23h59m", "-720h", "off", "90000h"},
		"SYNC_FIELDS": {
			"drop", "employees=drop", "employees.hourlyRate", "employees.hourlyRate=", "employees.hourlyRate=remove", "employees.hourlyRate=Drop", "employes.hourlyRate=drop",
			"employees.=drop", "employees.hourly rate=drop", "customers.items[0].sku=drop", "customers.items[].sku=drop", "customers..name=drop", "customers.na-me=drop",
			"customers.a.b.c.d.e.f=drop", "customers.id=drop", "customers.ID=hash", "customers.modifiedOn=drop", "customers.active=keep", "customers.id.x=drop", "technician_ratings.jobId=drop",
			"customers.name=drop;customers.name=hash", "customers.name=drop;customers.Name=drop", "customers.balance=hash", "customers.*=hash", "invoices.customer=hash", ";",
		},
		"SYNC_FIELDS_KEY":       {"short", strings.Repeat("k", 31), strings.Repeat("k", 16) + " " + strings.Repeat("k", 16)},
		"SYNC_VIEWS":            {"true", "false", "1", "0", "yes", "ON", "st"},
		"SLACK_WEBHOOK_URL":     {"http://hooks.slack.com/x", "hooks.slack.com/x", "https://", "https://host:99999/x", "https://u:pass-word@hooks.slack.com/x", "https://a b/x"},
		"SLACK_WEBHOOK_URLS":    {"#ops", "#ops=", "=https://hooks.slack.com/x", "#ops=http://hooks.slack.com/x", "#=https://hooks.slack.com/x", "#o ps=https://hooks.slack.com/x", "#a=https://h/x,"},
		"SLACK_BOT_TOKEN":       {"xoxp-0123456789-abcdefghij", "xoxb-", "xoxb-short", "xoxb-0123456789 abcdefghij", "0123456789abcdefghij"},
		"SLACK_API_URL":         {"http://slack.com/api", "slack.com/api", "https://slack.com/api?x=y", "https://u:pass-word@slack.com/api"},
		"NOTIFY_URLS":           {"pagerduty://key", "oncall=key", "#ops=pagerduty://key", "a=teams://x a=teams://y", "webhook=teams://x", "a=teams://x,b=teams://y c"},
		"NOTIFY_WEBHOOK_URL":    {"http://example.com/x", "example.com/x", "https://u:pass-word@example.com/x"},
		"NOTIFY_WEBHOOK_SECRET": {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_no/base64!", signingKey + ",", signingKey + " " + signingKey},
		"NOTIFY_ROUTES":         {"#ops", "1001=failed", "=failed:#ops", "1001=:#ops", "1001=failed:", "1001=failing:#ops", "1001=failed:#ops;", "1001=failed:#o ps"},
		"SLACK_CHANNEL":         {"#", "# ops", "#ops #dev", strings.Repeat("c", 101)},
		"SLACK_FOLD_WINDOW":     {"0", "30", "-1h", "48h"},
		"SLACK_RUN_URL":         {"https://host:99999/{runId}", "https:///{runId}", "https://host/", "https://host/{run}", "https://host/a b{runId}"},
		"HTTP_ADDR":             {"8080", "host:", ":99999", ":-1", "http://host:80", "a b:80", "127.0.0.1:http", "::1:80"},
		"ADMIN_ADDR":            {"9090", "127.0.0.1", "[::1:80"},
		"API_TOKENS": {
			token, "ops=" + token[1:], "ops=" + token + ",ops=" + token + "2", "a=" + token + ",b=" + token, "=" + token, "o ps=" + token, "ops=" + strings.Repeat("t t", 20),
			"ops=" + strings.Repeat("\u00e9", 32), "ops=" + token + ",", "ops:admin=" + token, "ops:=" + token, ":viewer=" + token, "ops:Viewer=" + token, "a:b:c=" + token,
			"ops:viewer=" + token + ",ops:operator=" + token + "2",
		},
		"LOG_LEVEL":  {"99", "-1", "0", "disabled", "fatal", "panic", "warning", "loud"},
		"LOG_FORMAT": {"xml", "JSON1", "json,console"},

		"OTEL_EXPORTER_OTLP_ENDPOINT": {"collector:4318", "grpc://collector:4317", "http://u:pass-word@collector:4318", "http://collector:4318?x=1"},
		"OTEL_EXPORTER_OTLP_HEADERS":  {"pass-word", "=pass-word", "a=pass-word,", "a=pass word", "a=1,a=pass-word", "a=%zz"},
		"OTEL_EXPORTER_OTLP_PROTOCOL": {"grpc", "http/json"},
		"OTEL_TRACES_EXPORTER":        {"jaeger", "otlp,none"},
		"OTEL_METRICS_EXPORTER":       {"prometheus"},
		"OTEL_TRACES_SAMPLER":         {"on", "jaeger_remote"},
		"OTEL_TRACES_SAMPLER_ARG":     {"-0.1", "1.1", "10%", "NaN"},
		"OTEL_RESOURCE_ATTRIBUTES":    {"staging", "=staging", "a=b c"},
		"OTEL_SDK_DISABLED":           {"yes"},
	} {
		for _, value := range list {
			refused(t, name, []string{name + "=" + value})
		}
	}
	for _, v := range Variables {
		if strings.Contains(v.Doc, "path of") {
			for _, path := range []string{"/does/not/exist", t.TempDir(), testFile(t, "garbage"), testFile(t, "\xff\xfe\x00"), testFile(t, "")} {
				if v.Name != tenantsFileVariable {
					refused(t, v.Name, []string{v.Name + "=" + path})
				}
			}
		}
	}
}

// An unreadable file is an error, not an unset variable.
func TestEmptyOrUnreadableFilesAreRejected(t *testing.T) {
	t.Parallel()
	for _, v := range Variables {
		if !v.AllowsFile() {
			_, err := Load([]string{v.Name + "_FILE=/run/secrets/x"}, tool)
			require.ErrorContains(t, err, v.Name+"_FILE: unknown variable")
			continue
		}
		for want, path := range map[string]string{
			"which does not exist": "/does/not/exist", "which is a directory": t.TempDir(), "which is empty": testFile(t, ""),
			"which holds no text in UTF-8": testFile(t, "\xff\xfes\x00"), "which holds more than": testFile(t, strings.Repeat("x", maxValueFile+1)),
		} {
			require.Contains(t, refused(t, v.Name, []string{v.Name + "_FILE=" + path}), want)
		}
		require.Contains(t, refused(t, v.Name, []string{v.Name + "_FILE=" + testFile(t, " \r\n")}), "which is empty")
	}
}

// Errors name a file by its absolute path.
func TestErrorsNameAbsolutePaths(t *testing.T) {
	t.Parallel()
	_, err := Load([]string{"SERVICETITAN_APP_KEY_FILE=no/such/key"}, tool)
	dir, _ := os.Getwd()
	require.ErrorContains(t, err, `"`+filepath.Join(dir, "no/such/key")+`"`)
}

func TestInvalidCertificatesAreRejected(t *testing.T) {
	t.Parallel()
	cert, key := testPair(t, time.Now().Add(time.Hour))
	expired, expiredKey := testPair(t, time.Now().Add(-time.Minute))
	_, other := testPair(t, time.Now().Add(time.Hour))
	require.Contains(t, refused(t, "NATS_TLS_CERT", []string{"NATS_TLS_CERT=" + expired, "NATS_TLS_KEY=" + expiredKey}), "expired at 20")
	require.Contains(t, refused(t, "TEMPORAL_TLS_CA", []string{"TEMPORAL_TLS_CA=" + expired}), "expired at 20")
	require.Contains(t, refused(t, "TEMPORAL_TLS_CERT", []string{"TEMPORAL_TLS_CERT=" + cert, "TEMPORAL_TLS_KEY=" + other}), "do not belong together")
	require.Contains(t, refused(t, "NATS_TLS_KEY", []string{"NATS_TLS_KEY=" + cert, "NATS_TLS_CERT=" + cert}), "private key")
	require.Contains(t, refused(t, "NATS_TLS_CA", []string{"NATS_TLS_CA=" + key}), "holds no certificate")
	require.Contains(t, refused(t, "NATS_CREDS", []string{"NATS_CREDS=" + testFile(t, strings.Split(testCreds, "\n\n")[0]+"\n")}), "no seed")
	content, err := os.ReadFile(cert)
	require.NoError(t, err)
	marked := testFile(t, "\ufeff"+strings.ReplaceAll(string(content), "\n", "\r\n"))
	cfg, err := Load([]string{"NATS_TLS_CA=" + marked, "NATS_TLS_CERT=" + marked, "NATS_TLS_KEY=" + key}, tool)
	require.NoError(t, err)
	_, err = cfg.NATS.TLS.ClientConfig()
	require.NoError(t, err)
}

// TestKubernetesServiceLinksAreIgnored: Kubernetes sets variables in every container for each
// service of its namespace, and their names can begin like ours.
func TestKubernetesServiceLinksAreIgnored(t *testing.T) {
	t.Parallel()
	var environ []string
	for _, service := range []string{"SYNC_GATEWAY", "SYNC", "SERVICETITAN_SIMULATOR", "SERVICETITAN", "SLACK_PROXY", "SYNC_ENTITIES", "NATS", "TEMPORAL_FRONTEND", "DATABASE", "SYNC_2"} {
		environ = append(environ, service+"_SERVICE_HOST=10.0.0.7", service+"_SERVICE_PORT=8080", service+"_SERVICE_PORT_HTTP_ADMIN=9090", service+"_PORT=tcp://10.0.0.7:8080")
		for _, proto := range []string{"TCP", "UDP", "SCTP"} {
			link := service + "_PORT_8080_" + proto
			environ = append(environ, link+"="+strings.ToLower(proto)+"://10.0.0.7:8080", link+"_PROTO="+strings.ToLower(proto), link+"_PORT=8080", link+"_ADDR=fd00::7")
		}
	}
	_, err := Load(environ, tool)
	require.NoError(t, err)
	_, err = Load([]string{"SYNC_GATEWAY_PORT=tcp://[fd00::7]:8080", "SYNC_GATEWAY_SERVICE_HOST=fd00::7"}, tool)
	require.NoError(t, err)
	for _, misspelt := range []string{
		"SYNC_GATEWAY_PORT=8080", "SYNC_ENTITES=customers", "SYNC_SERVICE_HOSTS=10.0.0.7", "SYNC_GATEWAY_PORT_HTTP=tcp://10.0.0.7:1", "SYNC_SERVICE_PORT=http",
		"SLACK_PORT_1_TCP_PROTO=http", "SERVICETITAN_PORT_1_TLS=tcp://10.0.0.7:1", "SYNC_SERVICE_HOST=not a host", "SYNC_ENTITIES_PORT_X=tcp://10.0.0.7:1",
	} {
		name, _, _ := strings.Cut(misspelt, "=")
		_, err := Load([]string{misspelt}, tool)
		require.ErrorContains(t, err, name+": unknown variable", misspelt)
	}
	for _, v := range Variables { // no service can set a variable of lazisync
		for _, value := range []string{"10.0.0.7", "8080", "tcp", "tcp://10.0.0.7:8080"} {
			require.False(t, isServiceLink(v.Name, value) || isServiceLink(v.Name+"_FILE", value), v.Name)
		}
	}
}

func testFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "value")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// testPair writes a certificate that is valid until the given time, and its key.
func testPair(t *testing.T, until time.Time) (cert, key string) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lazisync"}, NotBefore: until.Add(-24 * time.Hour), NotAfter: until}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(signer)
	require.NoError(t, err)
	return testFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))),
		testFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// testCreds is the content of a NATS credentials file that no server accepts.
const testCreds = `-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJuYW1lIjoibGF6aXN5bmMifQ.c2lnbmF0dXJl
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAEL6GG2L2HIF7DUGZJGMRUFKXELGGYFMHF76UO2AYBG3K4YLWR3FKC2Q
------END USER NKEY SEED------
`

func TestTokensHaveARole(t *testing.T) {
	t.Parallel()
	a, b, c := strings.Repeat("a", 32), strings.Repeat("b", 31)+"=", strings.Repeat("c", 31)+":"
	cfg, err := Load([]string{"API_TOKENS=ops=" + a + ", dash : viewer = " + b + ",team:ci:operator=" + c}, tool)
	require.NoError(t, err)
	require.Equal(t, []APIToken{
		{Name: "ops", Role: "operator", Secret: Secret(a)}, {Name: "dash", Role: "viewer", Secret: Secret(b)}, {Name: "team:ci", Role: "operator", Secret: Secret(c)},
	}, cfg.HTTP.Tokens)
}
