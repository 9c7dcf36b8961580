package stack

import (
	"maps"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/config"
)

// backingService is a service that is either configured or started by the stack.
type backingService struct {
	name      string
	addresses []string // each of these variables configures the service
	others    []string // variables that are valid only together with addresses
}

// tenantsFile is the variable that names the tenants file.
const tenantsFile = "SERVICETITAN_TENANTS_FILE"

var (
	postgreSQL    = backingService{"PostgreSQL", []string{"DATABASE_URL"}, nil}
	natsJetStream = backingService{"NATS", []string{"NATS_URL"}, []string{
		"NATS_CREDS", "NATS_TLS_CA", "NATS_TLS_CERT", "NATS_TLS_KEY", "NATS_INBOX_PREFIX", "NATS_REPLICAS", "NATS_JS_DOMAIN",
	}}
	temporalServer = backingService{"Temporal", []string{"TEMPORAL_ADDRESS"}, []string{
		"TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_TLS_CA", "TEMPORAL_TLS_CERT", "TEMPORAL_TLS_KEY",
		"TEMPORAL_TLS_SERVER_NAME",
	}}
	serviceTitan = backingService{"ServiceTitan", []string{"SERVICETITAN_API_URL", "SERVICETITAN_CLIENT_ID", tenantsFile}, []string{
		"SERVICETITAN_ENVIRONMENT", "SERVICETITAN_AUTH_URL", "SERVICETITAN_TENANT_ID",
		"SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY", "SERVICETITAN_WEBHOOK_SECRET", "SERVICETITAN_WEBHOOK_HEADER",
	}}
	slackWebhook = backingService{"Slack", []string{"SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN"}, []string{"SLACK_WEBHOOK_URLS", "SLACK_API_URL"}}
)

// environment maps the names of environment variables to their values.
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

// configured returns the variable that configures the service, or "".
func (e environment) configured(b backingService) string {
	for _, name := range b.addresses {
		for _, variable := range []string{name, name + fileSuffix} {
			if strings.TrimSpace(e[variable]) != "" {
				return variable
			}
		}
	}
	return ""
}

// fileSuffix is the suffix of variables that name a file with the value.
const fileSuffix = "_FILE"

// replace replaces all variables of a service.
func (e environment) replace(b backingService, variables map[string]string) {
	for _, name := range slices.Concat(b.addresses, b.others) {
		delete(e, name)
		delete(e, name+fileSuffix)
	}
	maps.Copy(e, variables)
}

// variablePrefixes are prefixes of variables that only lazisync and its services read.
var variablePrefixes = []string{"SYNC_", "SERVICETITAN_", "SLACK_", "NOTIFY_", "NATS_", "TEMPORAL_"}

// removeLazisyncVariables removes every variable of lazisync and returns the names of those
// that were not empty.
func (e environment) removeLazisyncVariables() (removed []string) {
	known := map[string]bool{}
	for _, v := range config.Variables {
		known[v.Name], known[v.Name+fileSuffix] = true, true
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		prefixed := slices.ContainsFunc(variablePrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !known[name] && !prefixed {
			continue
		}
		if e[name] != "" {
			removed = append(removed, name)
		}
		delete(e, name)
	}
	return removed
}
