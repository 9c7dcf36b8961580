package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/lazi/lazisync/events"
)

// Options are the requirements of a command.
type Options struct {
	// Required are the variables that must be set. Those of a tenant may also be set in
	// the tenants file.
	Required []string
	// ServesAPI requires API_TOKENS where HTTP_ADDR is not a loopback address.
	ServesAPI bool
	// Notifies requires what sending notifications needs: a webhook's key.
	Notifies bool
	// ReadsRecords requires what reading records needs: the key of a field policy.
	ReadsRecords bool
	// Checks validate values further, by variable, with the knowledge of the package that
	// uses them. The error says what is expected.
	Checks map[string]func(value string) error
}

// Problems are all problems of a configuration.
type Problems []string

// Error lists the problems, one a line.
func (p Problems) Error() string {
	what := "problems"
	if len(p) == 1 {
		what = "problem"
	}
	return fmt.Sprintf("%d %s with the configuration:\n  %s", len(p), what, strings.Join(p, "\n  "))
}

// Load reads the configuration from environ, which holds NAME=value entries as os.Environ
// returns them. The error is Problems.
func Load(environ []string, o Options) (*Config, error) {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = clean(value)
	}
	c := &Config{values: map[string]Value{}}
	c.NATS.TLS.variables, c.Temporal.TLS.variables = "NATS_TLS_", "TEMPORAL_TLS_"
	problems := unknownVariables(env)
	hasTenantsFile := env[tenantsFileVariable] != ""
	for _, v := range Variables {
		required := slices.Contains(o.Required, v.Name) && !(hasTenantsFile && v.Field != "")
		if problem := c.load(v, env, required, o.Checks[v.Name]); problem != "" {
			problems = append(problems, problem)
		}
	}
	if hasTenantsFile {
		problems = append(problems, c.loadTenants(env, o.Required)...)
	} else {
		problems = append(problems, c.Defaults.cadenceProblems(variableOf, "SYNC_ENTITIES")...)
		if c.Defaults.ID != "" {
			c.Tenants = []Tenant{c.Defaults}
		}
	}
	problems = append(problems, c.NATS.TLS.problems(problems)...)
	problems = append(problems, c.Temporal.TLS.problems(problems)...)
	if o.Notifies {
		problems = append(problems, c.Slack.problems()...)
		problems = append(problems, c.Notify.problems(problems)...)
	}
	if o.ReadsRecords {
		problems = append(problems, c.fieldsProblems(problems)...)
	}
	if o.ServesAPI && c.values["API_TOKENS"].Text == "" && c.HTTP.Addr != "" {
		if err := c.HTTP.Validate(); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// variableOf begins a problem with the variable of a field of the tenants file.
func variableOf(field string) string {
	i := slices.IndexFunc(Variables, func(v Variable) bool { return v.Field == field })
	return Variables[i].Name + ": "
}

// Validate returns an error if anyone on the network could call the gateway: without API tokens it
// must listen on a loopback address.
func (c HTTPConfig) Validate() error {
	if len(c.Tokens) > 0 {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil || !isLoopback(host) {
		return fmt.Errorf("HTTP_ADDR: got %q, want a loopback address such as 127.0.0.1:8080, or API_TOKENS set so that callers must say who they are", c.Addr)
	}
	return nil
}

// Value returns the effective value of a variable.
func (c *Config) Value(name string) Value { return c.values[name] }

// load sets one variable. It returns the text of the problem, or "".
func (c *Config) load(v Variable, env map[string]string, required bool, check func(string) error) string {
	text, from := v.Default, "default"
	if given := env[v.Name]; given != "" {
		text, from = given, "environment"
	}
	if path := env[v.Name+"_FILE"]; v.AllowsFile() && path != "" {
		if from == "environment" {
			return fmt.Sprintf("%s and %s_FILE are both set, want only one", v.Name, v.Name)
		}
		path = absolute(path)
		content, err := readValue(path)
		if err != nil {
			return fmt.Sprintf("%s_FILE: got %q, %s; want a file that contains the value: %s", v.Name, path, err, v.Doc)
		}
		text, from = content, "file "+path
	}
	if text == "" {
		if required {
			return fmt.Sprintf("%s: not set, want %s", v.Name, v.Doc)
		}
		c.values[v.Name] = Value{"", from}
		return ""
	}
	shown := text
	if strings.HasSuffix(v.Name, "_URL") || strings.HasSuffix(v.Name, "_ENDPOINT") {
		shown = withoutPasswords(text)
	}
	if v.Secret {
		shown = mask
	}
	c.values[v.Name] = Value{shown, from}
	err := v.parse(c, text)
	if err == nil && check != nil {
		err = check(text)
	}
	if err != nil {
		return fmt.Sprintf("%s: got %q, want %s", v.Name, shown, err)
	}
	return ""
}

// parse sets a variable to a value without surrounding blanks. The error says what is
// expected.
func (v Variable) parse(c *Config, text string) error {
	if err := checkText(text); err != nil {
		return err
	}
	return v.set(c, text)
}

// withoutPasswords returns an address, or several separated by commas, without user and
// password. In a malformed address everything before the last @ may be a password.
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

// reservedPrefixes are the prefixes that only variables of lazisync have: an unknown
// variable with one of them is misspelt.
var reservedPrefixes = []string{"SYNC_", "SERVICETITAN_", "SLACK_", "NOTIFY_"}

// systemdSocket is a variable that systemd sets for services of type notify.
const systemdSocket = "NOTIFY_SOCKET"

func isReserved(name string) bool {
	return name != systemdSocket && slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// unknownVariables returns a problem for each variable with a reserved prefix that does not
// exist, and for each _FILE of a variable that is not read from files.
func unknownVariables(env map[string]string) Problems {
	var known []string
	var problems Problems
	for _, v := range Variables {
		known = append(known, v.Name)
		if v.AllowsFile() {
			known = append(known, v.Name+"_FILE")
		} else if env[v.Name+"_FILE"] != "" && !isReserved(v.Name) {
			problems = append(problems, fmt.Sprintf("%s_FILE: unknown variable; only secrets are read from files, want %s", v.Name, v.Name))
		}
	}
	for name, value := range env {
		if !isReserved(name) || slices.Contains(known, name) || isServiceLink(name, value) {
			continue
		}
		problem := name + ": unknown variable"
		if near, ok := events.Nearest(name, known); ok {
			problem += "; did you mean " + near + "?"
		} else {
			problem += "; see lazisync config for all variables"
		}
		problems = append(problems, problem)
	}
	slices.Sort(problems)
	return problems
}
