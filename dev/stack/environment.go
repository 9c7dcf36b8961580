package stack

import (
	"maps"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/config"
)

// backing is a service that lazisync is configured to use, or that the stack starts.
type backing struct {
	name      string
	addresses []string // variables that configure it: any of them is enough
	belongs   []string // further variables that make sense only together with those
}

// tenantsFile is the variable that names a file with several tenants.
const tenantsFile = "SERVICETITAN_TENANTS_FILE"

var (
	postgreSQL    = backing{"PostgreSQL", []string{"DATABASE_URL"}, nil}
	natsJetStream = backing{"NATS", []string{"NATS_URL"}, []string{
		"NATS_CREDS", "NATS_TLS_CA", "NATS_TLS_CERT", "NATS_TLS_KEY", "NATS_INBOX_PREFIX",
	}}
	temporalServer = backing{"Temporal", []string{"TEMPORAL_ADDRESS"}, []string{
		"TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_TLS_CA", "TEMPORAL_TLS_CERT", "TEMPORAL_TLS_KEY",
		"TEMPORAL_TLS_SERVER_NAME",
	}}
	serviceTitan = backing{"ServiceTitan", []string{"SERVICETITAN_API_URL", "SERVICETITAN_CLIENT_ID", tenantsFile}, []string{
		"SERVICETITAN_ENVIRONMENT", "SERVICETITAN_AUTH_URL", "SERVICETITAN_TENANT_ID",
		"SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY", "SERVICETITAN_WEBHOOK_SECRET", "SERVICETITAN_WEBHOOK_HEADER",
	}}
	slackWebhook = backing{"Slack", []string{"SLACK_WEBHOOK_URL"}, []string{"SLACK_WEBHOOK_URLS"}}
)

// environment is what a process is given, by name.
type environment map[string]string

func newEnvironment(entries []string) environment {
	e := environment{}
	for _, entry := range entries {
		if name, value, ok := strings.Cut(entry, "="); ok {
			e[name] = value
		}
	}
	return e
}

func (e environment) entries() []string {
	list := make([]string, 0, len(e))
	for _, name := range slices.Sorted(maps.Keys(e)) {
		list = append(list, name+"="+e[name])
	}
	return list
}

// configured returns the variable that configures a service, or "".
func (e environment) configured(b backing) string {
	for _, name := range b.addresses {
		for _, variable := range []string{name, name + fileSuffix} {
			if strings.TrimSpace(e[variable]) != "" {
				return variable
			}
		}
	}
	return ""
}

// fileSuffix ends the name of a variable that names a file with the value.
const fileSuffix = "_FILE"

// embed replaces all that is said about a service.
func (e environment) embed(b backing, variables map[string]string) {
	for _, name := range slices.Concat(b.addresses, b.belongs) {
		delete(e, name)
		delete(e, name+fileSuffix)
	}
	maps.Copy(e, variables)
}

// prefixes begin the names of variables that nobody but lazisync and its services reads.
var prefixes = []string{"SYNC_", "SERVICETITAN_", "SLACK_", "NATS_", "TEMPORAL_"}

// dropOurs removes every variable of lazisync and returns the names of those that had
// a value.
func (e environment) dropOurs() (dropped []string) {
	known := map[string]bool{}
	for _, v := range config.Variables {
		known[v.Name], known[v.Name+fileSuffix] = true, true
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		prefixed := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !known[name] && !prefixed {
			continue
		}
		if e[name] != "" {
			dropped = append(dropped, name)
		}
		delete(e, name)
	}
	return dropped
}
