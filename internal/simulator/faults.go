package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is an error that is injected into the next matching calls.
type Fault struct {
	Kind   string `json:"kind"`
	Entity string `json:"entity,omitempty"` // of this entity only
	On     string `json:"on,omitempty"`     // "list", "export" or "token"; unless set, lists and exports

	Skip  int `json:"skip,omitempty"`  // number of calls to leave unchanged first
	Count int `json:"count,omitempty"` // number of calls to change; default 1, negative for all

	DelayMS     int  `json:"delayMs,omitempty"`     // delay of the response
	WaitSeconds int  `json:"waitSeconds,omitempty"` // the wait in a 429; default 1
	RetryAfter  bool `json:"retryAfter,omitempty"`  // also in the Retry-After header of a 429

	// RetryAfterText is the literal Retry-After header of a 429, or "date" for the wait as a
	// date. The title then has no wait.
	RetryAfterText string `json:"retryAfterText,omitempty"`

	// Value is the literal text that malformedRecord and malformedPage insert as a JSON value;
	// default NaN.
	Value string `json:"value,omitempty"`
	// Foreign sends a status as a proxy in front of the API does: with a web page instead of
	// a problem document.
	Foreign bool `json:"foreign,omitempty"`
}

// Kinds of calls.
const (
	onList   = "list"
	onExport = "export"
	onToken  = "token"
)

// Kinds of faults.
const (
	faultSlow          = "slow"            // only the delay
	faultReset         = "reset"           // the connection is reset without a response; Go's client repeats the call if it reused a connection
	faultTruncate      = "truncate"        // the connection ends in the middle of the body
	faultEmptyHasMore  = "emptyHasMore"    // a page without records and with hasMore
	faultSamePage      = "samePage"        // list: always the first page, with hasMore
	faultStuckToken    = "stuckToken"      // export: hasMore, and the token of this page as the next one
	faultEmptyToken    = "emptyToken"      // export: continueFrom is empty
	faultBadRecord     = "badRecord"       // the page begins with the four badRecords
	faultFreshTokens   = "freshTokens"     // export: hasMore, and a new token for the position of this page
	faultBadJSON       = "malformedRecord" // the first record has a field whose value is not JSON
	faultBadEnvelope   = "malformedPage"   // the envelope has a field whose value is not JSON
	faultByteOrderMark = "byteOrderMark"   // the body begins with a byte order mark
	faultRepeatRecord  = "repeatRecord"    // the page contains its first record twice
	faultExpiredTokens = "expiredTokens"   // 401, and every issued token becomes invalid
	faultHTML          = "html"            // 200 with a web page instead of JSON
	fault503HTML       = "503html"         // 503 with a web page
	faultMaintenance   = "maintenance"     // 409, as the reporting API responds during maintenance
)

var errorTitles = map[string]struct {
	status int
	title  string
}{
	"400": {http.StatusBadRequest, "One or more validation errors occurred."},
	"401": {http.StatusUnauthorized, "Unauthorized"},
	"403": {http.StatusForbidden, "Scope validation failed"},
	"404": {http.StatusNotFound, "Not Found"},
	"410": {http.StatusGone, "Gone"},
	"412": {http.StatusPreconditionFailed, "Precondition Failed"},
	"421": {http.StatusMisdirectedRequest, "Misdirected Request"},
	"423": {http.StatusLocked, "Locked"},
	"425": {http.StatusTooEarly, "Too Early"},
	"451": {http.StatusUnavailableForLegalReasons, "Unavailable For Legal Reasons"},
	"499": {499, "Client Closed Request"},
	"409": {http.StatusConflict, "The request conflicts with the state of the record."},
	"500": {http.StatusInternalServerError, "An unexpected error occurred."},
	"502": {http.StatusBadGateway, "Bad Gateway"},
	"503": {http.StatusServiceUnavailable, "Service Unavailable"},
	"504": {http.StatusGatewayTimeout, "Gateway Timeout"},
}

var pageFaults = []string{faultSlow, faultReset, faultTruncate, faultEmptyHasMore, faultSamePage, faultStuckToken, faultEmptyToken, faultBadRecord,
	faultFreshTokens, faultBadJSON, faultBadEnvelope, faultByteOrderMark, faultRepeatRecord, faultExpiredTokens, faultHTML, fault503HTML, faultMaintenance, "204", "429"}

// invalidValue returns the value that malformedRecord and malformedPage insert.
func (f Fault) invalidValue() string {
	if f.Value == "" {
		return "NaN"
	}
	return f.Value
}

// badRecords returns records that cannot be stored: without an id, with an invalid id, not an
// object, and with an invalid date.
func badRecords(k *kind) []string {
	id := `"seven"`
	if k.key != nil {
		id = `{"of":"no form"}`
	}
	return []string{
		`{"name":"without an id","modifiedOn":"2025-01-01T00:00:00.0000000Z","active":true}`,
		`{"id":` + id + `,"name":"id is not a number","modifiedOn":"2025-01-01T00:00:00.0000000Z","active":true}`,
		`42`,
		`{"id":7,"name":"bad date","modifiedOn":"yesterday","active":true}`,
	}
}

const webPage = "<!DOCTYPE html><html><head><title>Service Unavailable</title></head><body><h1>We'll be back soon</h1></body></html>"

func (f Fault) check() error {
	_, isError := errorTitles[f.Kind]
	if !isError && !slices.Contains(pageFaults, f.Kind) {
		return fmt.Errorf("unknown kind %q, want one of %v or an HTTP status such as 500", f.Kind, pageFaults)
	}
	if !slices.Contains([]string{"", onList, onExport, onToken}, f.On) {
		return fmt.Errorf("on is %q; want list, export or token", f.On)
	}
	return nil
}

// faults has the pending faults in the order in which they were added.
type faults struct {
	mu      sync.Mutex
	pending []Fault
}

func (f *faults) add(fault Fault) {
	if fault.Count == 0 {
		fault.Count = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, fault)
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = nil
}

// take returns the fault of a call, the zero Fault if there is none.
func (f *faults) take(entity, on string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.pending {
		fault := &f.pending[i]
		fits := fault.On == on || fault.On == "" && on != onToken
		if !fits || fault.Entity != "" && fault.Entity != entity {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		taken := *fault
		if fault.Count--; fault.Count == 0 {
			f.pending = slices.Delete(f.pending, i, i+1)
		}
		return taken
	}
	return Fault{}
}

// AddFault injects a fault into later calls.
func (s *Simulator) AddFault(fault Fault) error {
	if err := fault.check(); err != nil {
		return fmt.Errorf("add a fault: %w", err)
	}
	s.faults.add(fault)
	return nil
}

// ClearFaults removes all faults.
func (s *Simulator) ClearFaults() { s.faults.clear() }

// refuseCall returns the 429 that a fault describes.
func (s *Simulator) refuseCall(fault Fault) response {
	wait := max(fault.WaitSeconds, 1)
	text := fault.RetryAfterText
	if text == "" {
		return s.rateLimited(wait, fault.RetryAfter)
	}
	if text == "date" {
		text = s.now().Add(time.Duration(wait) * time.Second).UTC().Format(http.TimeFormat)
	}
	a := s.problem(http.StatusTooManyRequests, "Rate limit is exceeded.", nil)
	a.header = http.Header{"Retry-After": {text}}
	return a
}

// faultResponse returns the response of a fault that replaces the page.
func (s *Simulator) faultResponse(fault Fault) (response, bool) {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	switch fault.Kind {
	case "204":
		return response{status: http.StatusNoContent}, true
	case "429":
		return s.refuseCall(fault), true
	case fault503HTML:
		return response{status: http.StatusServiceUnavailable, header: html, body: []byte(webPage)}, true
	case faultHTML:
		return response{status: http.StatusOK, header: html, body: []byte(webPage)}, true
	case faultMaintenance:
		return s.problem(http.StatusConflict, "Reporting is suspended for maintenance. Please try again later.", nil), true
	case faultExpiredTokens:
		s.tokens.revoke()
		return s.problem(http.StatusUnauthorized, "Unauthorized", nil), true
	}
	if e, ok := errorTitles[fault.Kind]; ok && fault.Foreign {
		return response{status: e.status, header: html, body: []byte(webPage)}, true
	} else if ok {
		return s.problem(e.status, e.title, nil), true
	}
	return response{}, false
}
