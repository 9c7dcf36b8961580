package app

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/gateway"
	"github.com/lazi/lazisync/internal/stream"
)

// Role is one of the ways lazisync runs. It says which variables must be set.
type Role struct {
	Name  string
	Admin string // default address of health and metrics
	needs []string

	connections int32    // to PostgreSQL, at most
	consumers   []string // that must exist before the role is ready
}

// The roles, and those of commands that only migrate, look or publish.
var (
	BridgeRole = Role{
		Name: "bridge", Admin: "127.0.0.1:9091", needs: []string{"DATABASE_URL", "SERVICETITAN_TENANT_ID"},
		connections: 8, consumers: []string{stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerLost},
	}
	WorkerRole = Role{
		Name: "worker", Admin: "127.0.0.1:9092", needs: []string{
			"DATABASE_URL", "SERVICETITAN_TENANT_ID", "SERVICETITAN_CLIENT_ID", "SERVICETITAN_CLIENT_SECRET", "SERVICETITAN_APP_KEY",
		},
		connections: pageSlots + 6, // a slice stores one page at a time; the control queue's activities are short
	}
	NotifierRole = Role{Name: "notifier", Admin: "127.0.0.1:9093", consumers: []string{stream.ConsumerNotifier}}
	GatewayRole  = Role{Name: "gateway", Admin: "127.0.0.1:9094", needs: BridgeRole.needs, connections: 4}
	ServeRole    = Role{
		Name: "serve", Admin: "127.0.0.1:9090", needs: WorkerRole.needs, connections: 24,
		consumers: []string{stream.ConsumerRequests, stream.ConsumerControl, stream.ConsumerLost, stream.ConsumerNotifier},
	}
	MigrateRole = Role{Name: "migrate", needs: []string{"DATABASE_URL"}}
	StatusRole  = Role{Name: "status", needs: []string{"DATABASE_URL"}}
	ToolRole    = Role{Name: "tool"}

	ScheduleRole = Role{Name: "schedules", needs: []string{"SERVICETITAN_TENANT_ID"}}
)

// FindRole finds a role that runs by its name.
func FindRole(name string) (Role, bool) {
	for _, r := range []Role{ServeRole, BridgeRole, WorkerRole, NotifierRole, GatewayRole} {
		if r.Name == name {
			return r, true
		}
	}
	return Role{}, false
}

// Problems are everything wrong with the configuration, found at once.
type Problems []string

func (p Problems) Error() string {
	what := "problems"
	if len(p) == 1 {
		what = "problem"
	}
	return fmt.Sprintf("%d %s with the configuration:\n  %s", len(p), what, strings.Join(p, "\n  "))
}

// guarded are the prefixes whose variables are ours alone: an unknown one is a
// misspelt one.
var guarded = []string{"SYNC_", "SERVICETITAN_", "SLACK_"}

// Load reads the configuration a role needs from the environment (NAME=value
// entries, as os.Environ gives them). The error is Problems.
func Load(environ []string, role Role) (*Config, error) {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	c := &Config{values: map[string]Value{}}
	problems := unknown(env)
	several := env[tenantsFile] != ""
	for _, v := range Variables {
		needed := slices.Contains(role.needs, v.Name) && !(several && v.Field != "")
		if problem := c.load(v, env, needed); problem != "" {
			problems = append(problems, problem)
		}
	}
	if several {
		problems = append(problems, c.loadTenants(env, role)...)
	} else if c.tenant.ID != "" {
		c.Tenants = []Tenant{c.tenant}
	}
	for _, problem := range []string{c.NATS.TLS.problem("NATS_TLS_"), c.Temporal.TLS.problem("TEMPORAL_TLS_"), c.openGateway(role)} {
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// openGateway says what is wrong with a gateway that others could reach and anyone use.
func (c *Config) openGateway(role Role) string {
	if role.Name != GatewayRole.Name && role.Name != ServeRole.Name || c.HTTP.Addr == "" || c.Value("API_TOKENS").Text != "" {
		return ""
	}
	if err := gateway.CheckAddr(c.HTTP.Addr, nil); err != nil {
		return err.Error()
	}
	return ""
}

// load sets one variable and says what is wrong with it, if anything.
func (c *Config) load(v Variable, env map[string]string, needed bool) string {
	text, from := v.Default, "default"
	if given := env[v.Name]; given != "" {
		text, from = given, "environment"
	}
	if path := env[v.Name+"_FILE"]; v.FromFile() && path != "" {
		if from == "environment" {
			return fmt.Sprintf("%s and %s_FILE are both set: want one of them", v.Name, v.Name)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Sprintf("%s_FILE: got %q, which cannot be read; want a file that holds %s", v.Name, path, v.Doc)
		}
		text, from = strings.TrimSpace(string(content)), "file "+path
	}
	if text == "" {
		if needed {
			return fmt.Sprintf("%s: not set, want %s", v.Name, v.Doc)
		}
		c.values[v.Name] = Value{"", from}
		return ""
	}
	shown := text
	if strings.HasSuffix(v.Name, "_URL") {
		shown = withoutPasswords(text)
	}
	if v.Secret {
		shown = Secret(text).String()
	}
	c.values[v.Name] = Value{shown, from}
	if err := v.read(c, text); err != nil {
		return fmt.Sprintf("%s: got %q, want %s", v.Name, shown, err)
	}
	return ""
}

// read takes the value of a variable.
func (v Variable) read(c *Config, text string) error {
	if v.tenant != nil {
		return v.tenant(&c.tenant, text)
	}
	return v.set(c, text)
}

// withoutPasswords shows an address, or several separated by commas, without user and
// password. What is not well formed may hold a password anywhere before its last @.
func withoutPasswords(list string) string {
	parts := strings.Split(list, ",")
	for i, part := range parts {
		scheme, rest, ok := strings.Cut(part, "://")
		at := strings.LastIndex(rest, "@")
		switch {
		case ok && at >= 0:
			parts[i] = scheme + "://***" + rest[at:]
		case strings.Contains(part, "@"):
			return "***" + list[strings.LastIndex(list, "@"):]
		}
	}
	return strings.Join(parts, ",")
}

// unknown finds variables that look like ours and are not.
func unknown(env map[string]string) Problems {
	var known []string
	for _, v := range Variables {
		known = append(known, v.Name)
		if v.FromFile() {
			known = append(known, v.Name+"_FILE")
		}
	}
	var problems Problems
	for name := range env {
		ours := slices.ContainsFunc(guarded, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if !ours || slices.Contains(known, name) {
			continue
		}
		problem := name + ": unknown variable"
		if near, ok := events.Nearest(name, known); ok {
			problem += "; did you mean " + near + "?"
		} else {
			problem += "; lazisync config lists those there are"
		}
		problems = append(problems, problem)
	}
	slices.Sort(problems)
	return problems
}

// Value says how a variable took effect.
func (c *Config) Value(name string) Value { return c.values[name] }
