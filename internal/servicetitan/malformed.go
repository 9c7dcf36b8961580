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

	"github.com/lazi/lazisync/internal/entity"
)

// jsonFault says where and why a body is not JSON.
type jsonFault struct {
	at        int    // index of the byte at fault; the length of the body where it is truncated
	reason    string // such as "invalid character 'N' looking for beginning of value"
	truncated bool   // the body ends before its JSON does
}

// findFault returns the first fault of body, nil where it is JSON.
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

// text describes the fault of a body.
func (f *jsonFault) text(body []byte) string {
	switch {
	case f.truncated:
		return fmt.Sprintf("the answer is truncated: its JSON does not end within its %d bytes", len(body))
	case f.at == leadingSpace(body):
		return "the answer is not JSON"
	}
	return fmt.Sprintf("the answer is malformed JSON: %s at byte %d", f.reason, f.at)
}

// err makes an error of the fault of a page.
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

// endsInString says whether body ends within a string. If that ends as a page does, the
// string lacks its quote, and the page is all there.
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

// near is as much of a body around a fault as identifies it.
func near(body []byte, at int) []byte {
	const around = 64
	return fmt.Appendf(nil, "%d %s", len(body), body[max(0, at-around):min(len(body), at+around)])
}

// malformedError says that a body of full length is JSON but for a fault in it.
type malformedError struct {
	shapeError
	repaired *repaired // the page without its faults, nil where no page is left
	near     []byte    // what is around the first fault
}

func (e *malformedError) Unwrap() error { return &e.shapeError }

// print is the same for answers with the same faults.
func (e *malformedError) print() uint64 {
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

// How often a page must come malformed before it is taken as it is.
const (
	equalFaults = 3  // with the same faults: what can be read of it is read
	anyFaults   = 10 // with any faults
	hopeless    = 8  // with the same faults where nothing can be read of it: it is given up
)

// suspects counts how often pages came malformed, one after another, by the question.
type suspects struct {
	mu sync.Mutex
	of map[string]suspect
}

type suspect struct {
	print      uint64
	equal, all int
}

const maxSuspects = 1000

// again counts another malformed answer.
func (s *suspects) again(question string, print uint64) suspect {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil || len(s.of) >= maxSuspects {
		s.of = map[string]suspect{}
	}
	one := s.of[question]
	if one.all++; one.print == print {
		one.equal++
	} else {
		one.print, one.equal = print, 1
	}
	s.of[question] = one
	return one
}

// clear forgets a question.
func (s *suspects) clear(question string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, question)
}

// page decodes the answer to r. A page that came malformed several times in the same way
// is read without the records at fault, which are rejected.
func (c *Client) page(tenantID string, r request, at entity.Cursor, ans answer) (entity.Page, error) {
	if ans.status == http.StatusNoContent {
		at.LoopGuard = entity.LoopGuard{}
		return entity.Page{Next: at, Last: true, Total: -1, Date: ans.date}, nil
	}
	question := tenantID + " " + r.path + "?" + r.query.Encode()
	page, err := decodePage(r.entity, at, ans.body)
	var bad *malformedError
	if !errors.As(err, &bad) {
		c.suspects.clear(question)
	} else if times := c.suspects.again(question, bad.print()); bad.repaired != nil && (times.equal >= equalFaults || times.all >= anyFaults) {
		c.suspects.clear(question)
		page, err = decodeRepaired(r.entity, at, bad.repaired)
	} else if bad.repaired == nil && (times.equal >= hopeless || times.all >= anyFaults) {
		c.suspects.clear(question)
		bad.permanent = true
		bad.message += fmt.Sprintf("; it came so %d times", times.all)
	}
	if err != nil {
		return entity.Page{}, ans.unreadable(err)
	}
	page.Date = ans.date
	return page, nil
}
