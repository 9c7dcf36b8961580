package app

import (
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/servicetitan"
)

// The parsers below say what is wanted; Load adds the variable and what it got.

type setter = func(c *Config, text string) error

func text[T any](field func(*T) *string) func(*T, string) error {
	return func(in *T, text string) error { *field(in) = text; return nil }
}

func secret[T any](field func(*T) *Secret) func(*T, string) error {
	return func(in *T, text string) error { *field(in) = Secret(text); return nil }
}

func boolean(field func(*Config) *bool) setter {
	return func(c *Config, text string) (err error) {
		if *field(c), err = strconv.ParseBool(text); err != nil {
			return errors.New("true or false")
		}
		return nil
	}
}

func duration(field func(*Config) *time.Duration) setter {
	return func(c *Config, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration with a unit, as 90s, 30m or 24h")
		}
		if d <= 0 {
			return errors.New("a duration above 0")
		}
		*field(c) = d
		return nil
	}
}

func secondPass(c *Config, text string) error {
	if text == off {
		c.Sync.SecondPass = 0
		return nil
	}
	if duration(func(c *Config) *time.Duration { return &c.Sync.SecondPass })(c, text) != nil {
		return errors.New("a duration with a unit, as 90s or 5m, or off")
	}
	return nil
}

func percent(field func(*Config) *float64) setter {
	return func(c *Config, text string) error {
		n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
		if err != nil || n <= 0 || n > 100 {
			return errors.New("a percentage above 0 and at most 100, as 10%")
		}
		*field(c) = n / 100
		return nil
	}
}

func oneOf(field func(*Config) *string, values ...string) setter {
	return func(c *Config, text string) error {
		if !slices.Contains(values, text) {
			return errors.New(strings.Join(values, " or "))
		}
		*field(c) = text
		return nil
	}
}

func url(field func(*Config) *string, schemes ...string) setter {
	return func(c *Config, text string) error {
		for part := range strings.SplitSeq(text, ",") { // NATS takes a list
			u, err := neturl.Parse(part)
			if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
				return fmt.Errorf("an address that begins %s://", strings.Join(schemes, ":// or "))
			}
		}
		*field(c) = text
		return nil
	}
}

// inboxPrefix takes a NATS subject without wildcards.
func inboxPrefix(c *Config, text string) error {
	for token := range strings.SplitSeq(text, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t") {
			return errors.New("a NATS subject without wildcards, as _INBOX_worker")
		}
	}
	c.NATS.InboxPrefix = text
	return nil
}

func hostPort(field func(*Config) *string) setter {
	return func(c *Config, text string) error {
		_, port, err := net.SplitHostPort(text)
		if err != nil {
			return errors.New("host:port")
		}
		if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
			return errors.New("host:port with a port from 0 to 65535")
		}
		*field(c) = text
		return nil
	}
}

func file(field func(*Config) *string) setter {
	return func(c *Config, text string) error {
		if info, err := os.Stat(text); err != nil || info.IsDir() {
			return errors.New("the path of a file that exists")
		}
		*field(c) = text
		return nil
	}
}

// schedule takes a cron expression of five fields, or off.
func schedule(field func(*Tenant) *string) func(*Tenant, string) error {
	return func(t *Tenant, text string) error {
		if text != off {
			if err := checkCron(text); err != nil {
				return err
			}
		}
		*field(t) = text
		return nil
	}
}

func databaseURL(c *Config, text string) error {
	u, err := neturl.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" {
		return errors.New("postgres://user:password@host:5432/database")
	}
	c.DatabaseURL = Secret(text)
	return nil
}

func environment(c *Config, text string) error {
	c.ServiceTitan.Environment = servicetitan.Environment(text)
	if e := c.ServiceTitan.Environment; e != servicetitan.Production && e != servicetitan.Integration {
		return errors.New("production or integration")
	}
	return nil
}

func tenantID(t *Tenant, text string) error {
	if n, err := strconv.ParseInt(text, 10, 64); err != nil || n <= 0 {
		return errors.New("the tenant's number, digits only")
	}
	t.ID = text
	return nil
}

func requestsPerSecond(t *Tenant, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 || n > 60 {
		return errors.New("a number above 0 and at most 60, ServiceTitan's limit")
	}
	t.RequestsPerSecond = n
	return nil
}

// minWebhookSecret is the shortest HMAC key ServiceTitan's portal takes.
const minWebhookSecret = 32

func entities(t *Tenant, text string) error {
	if text == "*" {
		t.Entities = entity.Names()
		return nil
	}
	t.Entities = nil
	for part := range strings.SplitSeq(text, ",") {
		name := strings.TrimSpace(part)
		if _, ok := entity.Find(name); !ok {
			return fmt.Errorf("names of entities, separated by commas, or *: %q is none, lazisync entities lists them", name)
		}
		t.Entities = append(t.Entities, name)
	}
	return nil
}

func timezone(t *Tenant, text string) (err error) {
	if t.Timezone, err = time.LoadLocation(text); err != nil {
		return errors.New("a time zone such as America/Los_Angeles")
	}
	return nil
}

func slackURL(c *Config, text string) error {
	if !isSlackURL(text) {
		return errors.New("the https address of a Slack incoming webhook")
	}
	c.Slack.WebhookURL = Secret(text)
	return nil
}

func slackURLs(c *Config, text string) error {
	pairs, err := namedSecrets(text)
	if err != nil {
		return errors.New("#channel=https://…, separated by commas")
	}
	for _, u := range pairs {
		if !isSlackURL(string(u)) {
			return errors.New("#channel=https://…, separated by commas")
		}
	}
	c.Slack.WebhookURLs = pairs
	return nil
}

func foldWindow(c *Config, text string) error {
	if text == off {
		return nil
	}
	if duration(func(c *Config) *time.Duration { return &c.Slack.FoldWindow })(c, text) != nil {
		return errors.New("a duration with a unit, as 30m or 1h, or off")
	}
	return nil
}

// runURL takes an address with the places of a run's identity in it.
func runURL(c *Config, text string) error {
	example := strings.NewReplacer("{workflowId}", "w", "{runId}", "r", "{runNumber}", "1").Replace(text)
	if !isWebURL(example) || strings.ContainsAny(example, "{}<>| ") || example == text {
		return errors.New("an https address with {workflowId}, {runId} or {runNumber} in it")
	}
	c.Slack.RunURL = text
	return nil
}

// minToken is the length of a token with 128 bits of hexadecimal digits.
const minToken = 32

func apiTokens(c *Config, text string) error {
	tokens, err := namedSecrets(text)
	for _, t := range tokens {
		if len(t) < minToken {
			err = errors.New("too short")
		}
	}
	if err != nil {
		return fmt.Errorf("name=token pairs separated by commas, each token of at least %d characters", minToken)
	}
	c.HTTP.Tokens = tokens
	return nil
}

func logLevel(c *Config, text string) (err error) {
	if c.Log.Level, err = zerolog.ParseLevel(text); err != nil || text == "" {
		return errors.New("trace, debug, info, warn or error")
	}
	return nil
}

// namedSecrets reads name=value pairs separated by commas.
func namedSecrets(text string) (map[string]Secret, error) {
	out := map[string]Secret{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" || value == "" || out[name] != "" {
			return nil, errors.New("not name=value")
		}
		out[name] = Secret(value)
	}
	return out, nil
}

func isSlackURL(text string) bool {
	_, err := notify.NewSlack(notify.SlackOptions{URL: text})
	return err == nil
}

func isWebURL(text string) bool {
	u, err := neturl.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}
