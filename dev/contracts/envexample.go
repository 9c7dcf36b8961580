package contracts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/app"
)

// section is a part of .env.example.
type section struct {
	title     string
	prefixes  []string // of the variables of lazisync that belong here
	variables []setting
}

// setting is a variable that docker-compose.yml reads and lazisync does not.
type setting struct {
	name, value, doc string
	needed           bool // empty until somebody fills it in
}

func password(name, doc string) setting { return setting{name: name, doc: doc, needed: true} }

func sections() []section {
	return []section{
		{title: "ServiceTitan", prefixes: []string{"SERVICETITAN_"}},
		{title: "What is synced when", prefixes: []string{"SYNC_"}},
		{title: "Slack", prefixes: []string{"SLACK_"}},
		{title: "The gateway", prefixes: []string{"API_", "HTTP_", "ADMIN_"}},
		{title: "NATS", prefixes: []string{"NATS_"}, variables: []setting{
			password("NATS_MIGRATE_PASSWORD", "of lazisync migrate"),
			password("NATS_BRIDGE_PASSWORD", "of the bridge"),
			password("NATS_WORKER_PASSWORD", "of the worker"),
			password("NATS_NOTIFIER_PASSWORD", "of the notifier"),
			password("NATS_GATEWAY_PASSWORD", "of the gateway"),
			password("NATS_OPERATOR_PASSWORD", "for people, with the nats and the lazisync command"),
			password("NATS_PUBLISHER_PASSWORD", "for systems that ask for syncs"),
			password("NATS_CONSUMER_PASSWORD", "for systems that read outcomes"),
		}},
		{title: "PostgreSQL", prefixes: []string{"DATABASE_"}, variables: []setting{
			password("POSTGRES_PASSWORD", "of the superuser"),
			password("POSTGRES_OWNER_PASSWORD", "of lazisync_owner, who migrates"),
			password("POSTGRES_APP_PASSWORD", "of lazisync_app, as whom bridge and worker read and write"),
			password("POSTGRES_GATEWAY_PASSWORD", "of lazisync_gateway, as whom the gateway reads"),
			password("POSTGRES_READER_PASSWORD", "of lazisync_reader, for systems that read the copy"),
			password("POSTGRES_TEMPORAL_PASSWORD", "of Temporal"),
		}},
		{title: "Temporal", prefixes: []string{"TEMPORAL_"}},
		{title: "Logs", prefixes: []string{"LOG_"}},
		{title: "Docker Compose", variables: []setting{
			{name: "LAZISYNC_VERSION", value: "dev", doc: "tag of the image"},
			{name: "TEMPORAL_VERSION", value: "1.32.1", doc: "of Temporal's server and tools"},
			{name: "TEMPORAL_UI_VERSION", value: "2.54.1", doc: "of Temporal's web page"},
			{name: "GATEWAY_PORT", value: "8080", doc: "on 127.0.0.1, as all ports here"},
			{name: "NATS_PORT", value: "4222", doc: "of NATS"},
			{name: "POSTGRES_PORT", value: "5432", doc: "of PostgreSQL"},
			{name: "TEMPORAL_PORT", value: "7233", doc: "of Temporal"},
			{name: "TEMPORAL_UI_PORT", value: "8088", doc: "of Temporal's web page"},
			{name: "PROMETHEUS_PORT", value: "9090", doc: "of Prometheus, with --profile metrics"},
			{name: "GRAFANA_PORT", value: "3000", doc: "of Grafana, likewise"},
			password("GRAFANA_PASSWORD", "of Grafana's admin, likewise"),
		}},
	}
}

// needed are the variables of lazisync without which docker-compose.yml does not start.
var needed = []string{
	"SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY", "API_TOKENS",
}

// composed are those that docker-compose.yml or the image sets by itself.
var composed = []string{"NATS_URL", "NATS_INBOX_PREFIX", "DATABASE_URL", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "HTTP_ADDR", "ADMIN_ADDR"}

const envHeader = `# The configuration of lazisync, and of docker-compose.yml. Made from the code by
# "go generate" in dev/; change it there.
#
#   deploy/new-env > .env      # with passwords made up
#
# What has no # before it must be filled in for docker compose. Behind a # stands the
# default. Each secret of lazisync can also be given as a file: API_TOKENS_FILE=/run/…
# Passwords are put into URLs: letters and digits alone, a letter first.
`

// EnvExample is the text of .env.example.
func EnvExample() string {
	var b strings.Builder
	b.WriteString(envHeader)
	for _, s := range sections() {
		fmt.Fprintf(&b, "\n# --- %s\n", s.title)
		for _, v := range app.Variables {
			if slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(v.Name, p) }) {
				b.WriteString(entry(v))
			}
		}
		for _, v := range s.variables {
			if v.needed {
				fmt.Fprintf(&b, "\n# Password %s.\n%s=\n", v.doc, v.name)
				continue
			}
			fmt.Fprintf(&b, "\n# %s\n#%s=%s\n", sentence(v.doc), v.name, v.value)
		}
	}
	return b.String()
}

func entry(v app.Variable) string {
	doc := sentence(v.Doc)
	if slices.Contains(composed, v.Name) {
		doc += " Docker Compose sets it."
	}
	mark := "#"
	if slices.Contains(needed, v.Name) {
		mark = ""
	}
	return fmt.Sprintf("\n# %s\n%s%s=%s\n", doc, mark, v.Name, quoted(v.Default))
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// quoted keeps a shell and docker compose from reading more into a value.
func quoted(value string) string {
	if strings.ContainsAny(value, " *#") {
		return "'" + value + "'"
	}
	return value
}
