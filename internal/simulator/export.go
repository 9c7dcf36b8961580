package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"net/url"
)

// exportPage responds to a request to an export feed.
func (s *Simulator) exportPage(c *collection, values url.Values, fault Fault) response {
	p := parameters{values: values}
	from := s.readFrom(&p, c)
	recent := p.flag("includeRecentChanges", false)
	show := p.exportStates(c)
	if p.errors != nil {
		return s.problem(http.StatusBadRequest, "One or more validation errors occurred.", p.errors)
	}
	settled := ticksOf(s.now().Add(-s.options.FeedLag))
	until := settled
	if recent {
		until = math.MaxInt64
	}
	records, more := c.after(from, until, s.options.ExportPageSize, show)
	next := from
	if len(records) > 0 {
		next = records[len(records)-1].position()
	}
	if recent && !more && next.modified > settled {
		// The final order of recent changes is not known yet, so the next call returns them
		// again.
		next = c.positionAt(settled)
	}

	token := s.continueFrom(c, next)
	switch fault.Kind {
	case faultEmptyHasMore:
		records, more, token = nil, true, s.continueFrom(c, from)
	case faultStuckToken:
		more, token = true, s.continueFrom(c, from)
		if given := values.Get("from"); s.isToken(c, given) {
			token = given // the same text
		}
	case faultFreshTokens:
		more, token = true, s.freshToken(c, from)
	case faultEmptyToken:
		token = ""
	}
	out := jsonWriters.Get().(*jsonWriter)
	out.buf = append(out.buf[:0], '{')
	out.flag("hasMore", more)
	out.text("continueFrom", token)
	out.key("data")
	out.records(c.kind, records, (*record).appendExport, s.added.of(c.name), fault)
	out.buf = append(out.buf, '}')
	a := out.response(len(records))
	a.ignored = p.ignored()
	return a
}

// exportStates returns the filter of the parameter active, which two feeds have. It is nil
// for all records.
func (p *parameters) exportStates(c *collection) func(*record) bool {
	if !c.exportStates {
		return nil
	}
	switch p.choice("active", "Any", "True", "False") {
	case "True":
		return func(r *record) bool { return !r.Inactive }
	case "False":
		return func(r *record) bool { return r.Inactive }
	default:
		return nil
	}
}

// readFrom returns the start of a feed page: after a token, at a date (inclusive), or the
// beginning.
func (s *Simulator) readFrom(p *parameters, c *collection) position {
	text := p.get("from")
	if text == "" {
		return position{modified: math.MinInt64}
	}
	if t, err := parseMoment(text); err == nil {
		return position{modified: t - 1, id: math.MaxInt64}
	}
	from, ok := s.readToken(c, text)
	if !ok {
		p.notValid("from")
	}
	return from
}

// isToken reports whether from is a token, and not a date or "".
func (s *Simulator) isToken(c *collection, from string) bool {
	_, ok := s.readToken(c, from)
	return ok
}

const tokenBytes = 8 + 8 + 8 // modified, id, time of issue

// continueFrom returns the token of a position. It is signed, so that invalid tokens and
// those of other feeds are rejected.
func (s *Simulator) continueFrom(c *collection, at position) string {
	return s.tokenOf(c, at, ticksOf(s.now()))
}

// freshToken returns a token that differs from all others.
func (s *Simulator) freshToken(c *collection, at position) string {
	return s.tokenOf(c, at, ticksOf(s.now())+ticks(s.traces.Add(1)))
}

func (s *Simulator) tokenOf(c *collection, at position, issued ticks) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.modified))
	b = binary.BigEndian.AppendUint64(b, uint64(at.id))
	b = binary.BigEndian.AppendUint64(b, uint64(issued))
	return base64.RawURLEncoding.EncodeToString(append(b, s.sign(c, b)...))
}

func (s *Simulator) readToken(c *collection, text string) (position, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < tokenBytes || !hmac.Equal(b[tokenBytes:], s.sign(c, b[:tokenBytes])) {
		return position{}, false
	}
	at := position{ticks(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
	issued := ticks(binary.BigEndian.Uint64(b[16:])).time()
	lifetime := s.options.FeedTokenLifetime
	return at, lifetime == 0 || s.now().Before(issued.Add(lifetime))
}

func (s *Simulator) sign(c *collection, b []byte) []byte {
	mac := hmac.New(sha256.New, s.signKey[:])
	mac.Write([]byte(c.name))
	mac.Write(b)
	return mac.Sum(nil)[:12]
}
