package app

import (
	"fmt"
	"regexp"
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
		env[name] = clean(value)
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
	for _, problem := range []string{
		c.pairProblem("NATS_TLS_", c.NATS.TLS, problems), c.pairProblem("TEMPORAL_TLS_", c.Temporal.TLS, problems), c.openGateway(role),
	} {
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// pairProblem says what is wrong with a certificate and its key together, where neither is
// refused by itself.
func (c *Config) pairProblem(prefix string, t TLSConfig, found Problems) string {
	for _, problem := range found {
		if strings.HasPrefix(problem, prefix+"CERT") || strings.HasPrefix(problem, prefix+"KEY") {
			return ""
		}
	}
	return t.problem(prefix)
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
		path = absolute(path)
		content, err := readValue(path)
		if err != nil {
			return fmt.Sprintf("%s_FILE: got %q, %s; want a file that holds %s", v.Name, path, err, v.Doc)
		}
		text, from = content, "file "+path
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

// read takes the clean value of a variable.
func (v Variable) read(c *Config, text string) error {
	if err := checkText(text); err != nil {
		return err
	}
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
	var problems Problems
	for _, v := range Variables {
		known = append(known, v.Name)
		if v.FromFile() {
			known = append(known, v.Name+"_FILE")
		} else if env[v.Name+"_FILE"] != "" && !guards(v.Name) {
			problems = append(problems, fmt.Sprintf("%s_FILE: unknown variable; only secrets are read from files, want %s", v.Name, v.Name))
		}
	}
	for name, value := range env {
		if !guards(name) || slices.Contains(known, name) || isServiceLink(name, value) {
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

func guards(name string) bool {
	return slices.ContainsFunc(guarded, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// The variables that Kubernetes sets in each container for every service of the namespace,
// unless the pod says enableServiceLinks: false. A service sync-gateway makes
// SYNC_GATEWAY_PORT=tcp://10.0.0.7:8080 and others.
var (
	serviceHost    = regexp.MustCompile(`_SERVICE_HOST$|_PORT_[0-9]+_(TCP|UDP|SCTP)_ADDR$`)
	servicePort    = regexp.MustCompile(`_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)_PORT$`)
	serviceProto   = regexp.MustCompile(`_PORT_[0-9]+_(TCP|UDP|SCTP)_PROTO$`)
	serviceAddress = regexp.MustCompile(`_PORT(_[0-9]+_(TCP|UDP|SCTP))?$`)
)

// isServiceLink reports whether a variable is one of those, by its name and its value.
func isServiceLink(name, value string) bool {
	switch {
	case serviceHost.MatchString(name):
		return isHost(value)
	case servicePort.MatchString(name):
		return isPort(value, 1)
	case serviceProto.MatchString(name):
		return slices.Contains([]string{"tcp", "udp", "sctp"}, strings.ToLower(value))
	case serviceAddress.MatchString(name):
		_, err := parseURL(value, "tcp", "udp", "sctp")
		return err == nil
	}
	return false
}

// Value says how a variable took effect.
func (c *Config) Value(name string) Value { return c.values[name] }
