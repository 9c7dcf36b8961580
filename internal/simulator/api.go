package simulator

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// serveAPI serves all paths except the token endpoint and the admin routes. It checks in the
// order of the real API: whether the operation exists, whether the caller may use it, and
// the rate limit.
func (s *Simulator) serveAPI(w http.ResponseWriter, r *http.Request) {
	to, tenant, parent, ok := s.match(r)
	if !ok {
		s.send(w, jsonResponse(http.StatusNotFound, map[string]any{
			"statusCode": http.StatusNotFound,
			"message":    "Unable to match incoming request to an operation.",
		}))
		return
	}
	noted := call{At: s.now(), On: to.on, Entity: to.name(), Path: r.URL.Path, Query: r.URL.RawQuery}
	a, fault := s.handleCall(r, to, tenant, parent)
	noted.Status, noted.Records, noted.Ignored = a.status, a.records, a.ignored
	s.stats.note(noted)
	s.options.Logger.Debug().Str("entity", noted.Entity).Str("on", noted.On).Str("query", noted.Query).
		Int("status", noted.Status).Int("records", noted.Records).Msg("request served")
	switch {
	case a.status == 0: // the caller disconnected during the wait
	case fault.Kind == faultReset:
		reset(w)
	default:
		a.cut = fault.Kind == faultTruncate
		s.send(w, a)
	}
}

func (s *Simulator) handleCall(r *http.Request, to route, tenant, parent string) (response, Fault) {
	if refused, ok := s.authorize(r, to, tenant); !ok {
		return refused, Fault{}
	}
	if !s.calls.allow(s.now()) {
		return s.rateLimited(1, false), Fault{}
	}
	fault := s.faults.take(to.name(), to.on)
	if !s.wait(r.Context(), fault) {
		return response{}, fault
	}
	if a, refused := s.faultResponse(fault); refused {
		return a, fault
	}
	a := s.page(to, parent, r.URL.Query(), fault)
	switch {
	case fault.Kind == faultByteOrderMark:
		a.body = append([]byte("\uFEFF"), a.body...)
	case fault.Kind == faultBadEnvelope && bytes.HasPrefix(a.body, []byte("{")):
		a.body = append(fmt.Appendf(nil, `{"spoilt":%s,`, fault.invalidValue()), a.body[1:]...)
	}
	return a, fault
}

// page returns the response of a request without an error.
func (s *Simulator) page(to route, parent string, values url.Values, fault Fault) response {
	switch {
	case to.of != nil:
		return s.childPage(to, parent, values, fault)
	case to.on == onExport:
		return s.exportPage(s.visible(to.kind.name), values, fault)
	default:
		return s.listPage(to.kind, s.visible(to.kind.name), values, fault, nil)
	}
}

// wait waits for the delays of the pace and of a fault. It returns false if the caller
// disconnects before.
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
