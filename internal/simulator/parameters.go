package simulator

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameters reads the query of a request. Parameters that no code reads are ignored, as the
// API ignores unknown ones. Invalid values of known ones are collected for a 400.
type parameters struct {
	values url.Values
	read   map[string]bool // the names that were read, which are those of the endpoint
	errors map[string][]string
}

func (p *parameters) get(name string) string {
	if p.read == nil {
		p.read = map[string]bool{}
	}
	p.read[name] = true
	return p.values.Get(name)
}

// ignored returns the given parameters that the endpoint does not have.
func (p *parameters) ignored() (names []string) {
	for name := range p.values {
		if !p.read[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (p *parameters) bad(name, format string, args ...any) {
	if p.errors == nil {
		p.errors = map[string][]string{}
	}
	p.errors[name] = append(p.errors[name], fmt.Sprintf(format, args...))
}

func (p *parameters) notValid(name string) {
	p.bad(name, "The value '%s' is not valid.", p.values.Get(name))
}

func (p *parameters) number(name string, unset, least, most int) int {
	text := p.get(name)
	if text == "" {
		return unset
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		p.notValid(name)
		return unset
	}
	if int(n) < least || int(n) > most {
		p.bad(name, "The value must be between %d and %d.", least, most)
	}
	return int(n)
}

func (p *parameters) flag(name string, unset bool) bool {
	switch strings.ToLower(p.get(name)) {
	case "true":
		return true
	case "false":
		return false
	case "":
	default:
		p.notValid(name)
	}
	return unset
}

func (p *parameters) choice(name string, choices ...string) string {
	text := p.get(name)
	if text == "" {
		return choices[0]
	}
	if !slices.Contains(choices, text) {
		p.notValid(name)
	}
	return text
}

// moment returns the time in a parameter, or unset.
func (p *parameters) moment(name string, unset ticks) ticks {
	text := p.get(name)
	if text == "" {
		return unset
	}
	t, err := parseMoment(text)
	if err != nil {
		p.notValid(name)
	}
	return t
}

// parseMoment parses a date or a date with time. Without a zone it is in UTC.
func parseMoment(text string) (ticks, error) {
	var err error
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		var t time.Time
		if t, err = time.Parse(layout, text); err == nil {
			return ticksOf(t), nil
		}
	}
	return 0, err
}

const maxIDs = 50

// list returns comma-separated values, nil if there are none.
func (p *parameters) list(name string) []string {
	text := p.get(name)
	if text == "" {
		return nil
	}
	values := strings.Split(text, ",")
	if len(values) > maxIDs {
		p.bad(name, "At most %d values are allowed.", maxIDs)
	}
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return values
}
