package servicetitan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// jsonFault is the position and the reason of a JSON syntax error.
type jsonFault struct {
	at        int    // index of the byte at fault; the length of a truncated body
	reason    string // such as "invalid character 'N' looking for beginning of value"
	truncated bool   // the JSON is incomplete
}

// findFault returns the first fault of body, nil if it is JSON.
func findFault(body []byte) *jsonFault {
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(body, new(json.RawMessage)), &syntax) {
		return nil
	}
	err := json.NewDecoder(bytes.NewReader(body)).Decode(new(json.RawMessage))
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &jsonFault{at: len(body), reason: syntax.Error(), truncated: true}
	}
	return &jsonFault{at: int(syntax.Offset) - 1, reason: syntax.Error()}
}

// text describes the fault.
func (f *jsonFault) text(body []byte) string {
	switch {
	case f.truncated:
		return fmt.Sprintf("the response is truncated: its JSON is incomplete after %d bytes", len(body))
	case f.at == leadingSpace(body):
		return "the response is not JSON"
	}
	return fmt.Sprintf("the response is malformed JSON: %s at byte %d", f.reason, f.at)
}

// err returns the error of a page with the fault.
func (f *jsonFault) err(shape entity.Shape, body []byte) error {
	e := shapeError{message: f.text(body), quote: true}
	if f.at == leadingSpace(body) || f.truncated && !endsInString(body) {
		return &e
	}
	fixed := repair(shape, body)
	if f.truncated && fixed == nil {
		return &e
	}
	e.at = f.at
	return &malformedError{shapeError: e, repaired: fixed, near: near(body, f.at)}
}

// endsInString reports whether body ends within a string. If the rest looks like the end of
// a page, the string lacks its closing quote and the page is complete.
func endsInString(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '"' {
			continue
		}
		if i = stringEnd(body, i); i >= len(body) {
			return true
		}
	}
	return false
}

func leadingSpace(body []byte) int { return skipSpace(body, 0) }

// near returns the bytes around a fault, which identify it.
func near(body []byte, at int) []byte {
	const around = 64
	return fmt.Appendf(nil, "%d %s", len(body), body[max(0, at-around):min(len(body), at+around)])
}

// malformedError is the error of a complete body with a fault in its JSON.
type malformedError struct {
	shapeError
	repaired *repaired // the page without its faults, nil if nothing is left
	near     []byte    // the bytes around the first fault
}

func (e *malformedError) Unwrap() error { return &e.shapeError }

// fingerprint is equal for responses with the same faults.
func (e *malformedError) fingerprint() uint64 {
	hash := fnv.New64a()
	if e.repaired == nil {
		_, _ = hash.Write(e.near)
		return hash.Sum64()
	}
	for _, at := range slices.Sorted(maps.Keys(e.repaired.damaged)) {
		_, _ = hash.Write(e.repaired.damaged[at].raw)
	}
	for _, name := range slices.Sorted(maps.Keys(e.repaired.unread)) {
		_, _ = hash.Write([]byte(name))
	}
	return hash.Sum64()
}

// Numbers of consecutive malformed responses after which a page is accepted as it is.
const (
	sameFaults   = 3  // same faults: the valid records are decoded
	anyFaults    = 10 // any faults
	unrepairable = 8  // same faults and no valid records: the error becomes permanent
)

// malformedCounts counts consecutive malformed responses by request. It is safe for
// concurrent use.
type malformedCounts struct {
	mu    sync.Mutex
	byKey map[string]malformedCount
}

type malformedCount struct {
	fingerprint uint64
	same, all   int
}

const maxMalformedCounts = 1000

// count adds a malformed response and returns the counts of the request.
func (s *malformedCounts) count(key string, fingerprint uint64) malformedCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil || len(s.byKey) >= maxMalformedCounts {
		s.byKey = map[string]malformedCount{}
	}
	one := s.byKey[key]
	if one.all++; one.fingerprint == fingerprint {
		one.same++
	} else {
		one.fingerprint, one.same = fingerprint, 1
	}
	s.byKey[key] = one
	return one
}

// clear resets the counts of a request.
func (s *malformedCounts) clear(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byKey, key)
}

// page decodes the response to r. After several responses with the same faults it decodes
// the page without the damaged records, which are rejected.
func (c *Client) page(tenantID events.TenantID, r request, at entity.Cursor, resp response) (entity.Page, error) {
	if resp.status == http.StatusNoContent {
		at.LoopGuard = entity.LoopGuard{}
		return entity.Page{Next: at, Last: true, Total: -1, Date: resp.date}, nil
	}
	key := string(tenantID) + " " + r.path + "?" + r.query.Encode()
	page, err := decodePage(r.entity, at, resp.body, c.fields)
	var bad *malformedError
	if !errors.As(err, &bad) {
		c.malformedCounts.clear(key)
	} else if times := c.malformedCounts.count(key, bad.fingerprint()); bad.repaired != nil && (times.same >= sameFaults || times.all >= anyFaults) {
		c.malformedCounts.clear(key)
		page, err = decodeRepaired(r.entity, at, bad.repaired, c.fields)
	} else if bad.repaired == nil && (times.same >= unrepairable || times.all >= anyFaults) {
		c.malformedCounts.clear(key)
		bad.permanent = true
		bad.message += fmt.Sprintf("; it received so %d times", times.all)
	}
	if err != nil {
		return entity.Page{}, resp.decodeError(err)
	}
	page.Date, page.FieldPolicy = resp.date, c.fields.Digest(r.entity.Name)
	return page, nil
}
