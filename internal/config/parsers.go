package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// The errors of the parsers below say what is expected; Load adds the variable and its value. The
// parsed text is trimmed.

type setter = func(c *Config, text string) error

// Off is the value that switches off a schedule, a second pass, grouping or views.
const Off = "off"

// maxName is the maximum length of a name in Temporal, in bytes.
const maxName = 255

// word parses a name without blanks; what is the noun for errors.
func word(field func(*Config) *string, what string) setter {
	return func(c *Config, text string) error {
		if !IsName(text) {
			return fmt.Errorf("%s, without spaces and at most %d bytes long", what, maxName)
		}
		*field(c) = text
		return nil
	}
}

// IsName reports whether a text can be a name in Temporal: without spaces and invisible
// characters, and of at most 255 bytes.
func IsName(text string) bool { return isWord(text) && len(text) <= maxName }

// isWord reports whether a text has neither blanks nor invisible characters.
func isWord(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

func secret(field func(*Config) *Secret) setter {
	return func(c *Config, text string) error {
		if !isToken(text) {
			return errors.New("ASCII characters without spaces and line breaks")
		}
		*field(c) = Secret(text)
		return nil
	}
}

// isToken reports whether a text is valid in a header as one word.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func boolean(field func(*Config) *bool) setter {
	return func(c *Config, text string) (err error) {
		if *field(c), err = strconv.ParseBool(text); err != nil {
			return errors.New("true or false")
		}
		return nil
	}
}

// onOff parses on or off.
func onOff(field func(*Config) *bool) setter {
	return func(c *Config, text string) error {
		if text != "on" && text != Off {
			return errors.New("on or off")
		}
		*field(c) = text == "on"
		return nil
	}
}

// duration parses a duration between limits or, if offTo is set, off.
func duration(field func(*Config) *time.Duration, least, most time.Duration, offTo ...time.Duration) setter {
	return func(c *Config, text string) error {
		orOff := ""
		if len(offTo) > 0 {
			orOff = ", or off"
			if text == Off {
				*field(c) = offTo[0]
				return nil
			}
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration with a unit, such as 90s, 30m or 24h" + orOff)
		}
		if d < least || d > most {
			return fmt.Errorf("a duration from %s to %s%s", Days(least), Days(most), orOff)
		}
		*field(c) = d
		return nil
	}
}

// minInterval parses a duration of at most a day, or 0 or off for none.
func minInterval(c *Config, text string) error {
	if text == "0" || text == "0s" {
		text = Off
	}
	return duration(func(c *Config) *time.Duration { return &c.Defaults.MinInterval }, time.Second, 24*time.Hour, 0)(c, text)
}

func percent(field func(*Config) *float64) setter {
	return func(c *Config, text string) error {
		n, ok := decimal(strings.TrimSpace(strings.TrimSuffix(text, "%")))
		if !ok || n <= 0 || n > 100 {
			return errors.New("a percentage above 0 and at most 100, such as 10%")
		}
		*field(c) = n / 100
		return nil
	}
}

// decimal parses a decimal number: not NaN, infinity or hexadecimal.
func decimal(text string) (n float64, ok bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) && !strings.ContainsAny(text, "xX_")
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

// inboxPrefix parses a NATS subject without wildcards.
func inboxPrefix(c *Config, text string) error {
	for token := range strings.SplitSeq(text, ".") {
		if !isToken(token) || strings.ContainsAny(token, "*>") {
			return errors.New("a NATS subject without wildcards, such as _INBOX_worker")
		}
	}
	c.NATS.InboxPrefix = text
	return nil
}

// replicas parses a number of replicas. An even number tolerates no more lost servers than the odd
// number below it, and JetStream allows at most five.
func replicas(c *Config, text string) error {
	if !slices.Contains([]string{"1", "3", "5"}, text) {
		return errors.New("1, 3 or 5")
	}
	n, err := strconv.Atoi(text)
	c.NATS.Replicas = n
	return err
}

// domain parses the name of a JetStream domain, which is one token of a NATS subject.
func domain(c *Config, text string) error {
	if !isToken(text) || strings.ContainsAny(text, ".*>") {
		return errors.New("the name of a JetStream domain, without spaces, dots and wildcards, such as hub")
	}
	c.NATS.Domain = text
	return nil
}

// taskQueue parses a name that Temporal does not reserve.
func taskQueue(c *Config, text string) error {
	const most = maxName - len("-control")
	if !isWord(text) || len(text) > most || strings.HasPrefix(text, "/_sys/") {
		return fmt.Errorf("the name of a task queue, without spaces and at most %d bytes long", most)
	}
	c.Temporal.TaskQueue = text
	return nil
}

func databaseURL(c *Config, text string) error {
	c.DatabaseURL = Secret(text)
	return nil
}

func environment(c *Config, text string) error {
	c.ServiceTitan.Environment = Environment(text)
	if e := c.ServiceTitan.Environment; e != Production && e != Integration {
		return errors.New("production or integration")
	}
	return nil
}

// tenantID accepts a number only in the form of the API, because it is compared as text.
func tenantID(c *Config, text string) error {
	id, err := events.ParseTenantID(text)
	if err != nil {
		return errors.New("the tenant's number, digits only")
	}
	c.Defaults.ID = id
	return nil
}

// The rate limit in calls per second: at least one call in 100 seconds, at most ServiceTitan's
// limit.
const minRate, maxRate = 0.01, 60

func requestsPerSecond(c *Config, text string) error {
	n, ok := decimal(text)
	if !ok || n < minRate || n > maxRate {
		return fmt.Errorf("a number from %v to %d, ServiceTitan's limit", minRate, maxRate)
	}
	c.Defaults.RequestsPerSecond = n
	return nil
}

func entities(c *Config, text string) error {
	names, err := parseEntities(text)
	if err != nil {
		return err
	}
	c.Defaults.Entities = names
	return nil
}

// parseEntities parses a list of entities, or * for all.
func parseEntities(text string) ([]string, error) {
	names, err := events.ParseEntities(text, entity.Names())
	if err != nil {
		return nil, fmt.Errorf("names of entities, separated by commas, or *: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if names[0] == events.AllEntities {
		return entity.Names(), nil
	}
	return names, nil
}

func logLevel(c *Config, text string) error {
	const want = "trace, debug, info, warn or error"
	if !slices.Contains([]string{"trace", "debug", "info", "warn", "error"}, strings.ToLower(text)) {
		return errors.New(want)
	}
	level, err := zerolog.ParseLevel(strings.ToLower(text))
	if err != nil {
		return errors.New(want)
	}
	c.Log.Level = level
	return nil
}

// Days formats a duration in days if it is a whole number of at least two, else like Go, without
// zero minutes and seconds.
func Days(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}
