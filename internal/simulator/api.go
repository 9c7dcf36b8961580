package simulator

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// serveAPI answers everything that is neither the token endpoint nor an admin
// route, in the order of the real front door: does the operation exist, may the
// caller use it, is it within its limit.
func (s *Simulator) serveAPI(w http.ResponseWriter, r *http.Request) {
	to, tenant, parent, ok := s.match(r)
	if !ok {
		s.send(w, jsonAnswer(http.StatusNotFound, map[string]any{
			"statusCode": http.StatusNotFound,
			"message":    "Unable to match incoming request to an operation.",
		}))
		return
	}
	noted := call{At: s.now(), On: to.on, Entity: to.name(), Path: r.URL.Path, Query: r.URL.RawQuery}
	a, fault := s.answerCall(r, to, tenant, parent)
	noted.Status, noted.Records, noted.Ignored = a.status, a.records, a.ignored
	s.stats.note(noted)
	s.options.Logger.Debug().Str("entity", noted.Entity).Str("on", noted.On).Str("query", noted.Query).
		Int("status", noted.Status).Int("records", noted.Records).Msg("call answered")
	switch {
	case a.status == 0: // the caller left while it was made to wait
	case fault.Kind == faultReset:
		reset(w)
	default:
		a.cut = fault.Kind == faultTruncate
		s.send(w, a)
	}
}

func (s *Simulator) answerCall(r *http.Request, to route, tenant, parent string) (answer, Fault) {
	if refused, ok := s.admit(r, to, tenant); !ok {
		return refused, Fault{}
	}
	if !s.calls.allow(s.now()) {
		return s.tooMany(1, false), Fault{}
	}
	fault := s.faults.take(to.name(), to.on)
	if !s.wait(r.Context(), fault) {
		return answer{}, fault
	}
	if a, refused := s.refusal(fault); refused {
		return a, fault
	}
	a := s.page(to, parent, r.URL.Query(), fault)
	switch {
	case fault.Kind == faultByteOrderMark:
		a.body = append([]byte("\uFEFF"), a.body...)
	case fault.Kind == faultBadEnvelope && bytes.HasPrefix(a.body, []byte("{")):
		a.body = append(fmt.Appendf(nil, `{"spoilt":%s,`, fault.noJSON()), a.body[1:]...)
	}
	return a, fault
}

// page is the answer of a call that nothing is wrong with.
func (s *Simulator) page(to route, parent string, values url.Values, fault Fault) answer {
	switch {
	case to.of != nil:
		return s.childPage(to, parent, values, fault)
	case to.on == onExport:
		return s.exportPage(s.shown(to.kind.name), values, fault)
	default:
		return s.listPage(to.kind, s.shown(to.kind.name), values, fault, nil)
	}
}

// wait takes the time that the pace and a fault ask for; false when the caller
// left meanwhile.
func (s *Simulator) wait(ctx context.Context, fault Fault) bool {
	delay := time.Duration(s.pace.Load()) + time.Duration(fault.DelayMS)*time.Millisecond
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
