package servicetitan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/failpoint"
)

const (
	// The server gives up after 100 s; waiting a little longer lets its own
	// response through.
	requestTimeout = 110 * time.Second
	// maxBody caps a response after decompression. A page of 5000 invoices with
	// their items is some 20 MB.
	maxBody = 64 << 20
	// Connections kept open to each host, as many as a worker makes calls at once; the default
	// of two would open and close one for most calls.
	idleConnections = 64
)

// call is the part of a request that errors report.
type call struct {
	tenant    *tenant
	subject   string // the entity, or "token"
	method    string
	path      string
	route     string // the path with {tenant} in place of the tenant
	address   string // that was asked, without query and user
	scope     string
	timeout   time.Duration
	secrets   []Secret // masked in whatever the server says
	feedToken bool
	slot      *pageSlot
	// isPrivate reports that a field policy covers the records of the response: no error may quote it.
	isPrivate bool
}

// response is a response with its whole body.
type response struct {
	call
	status int
	header http.Header
	body   []byte
	date   time.Time
}

// httpClient returns a copy of base that follows no redirects, because a redirect would send
// the app key to another host. A tracer, if not nil, gets a span for each call.
func httpClient(base *http.Client, tracer trace.TracerProvider) *http.Client {
	var client http.Client
	if base != nil {
		client = *base
	}
	if client.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = idleConnections
		client.Transport = transport
	}
	client.Transport = traced(client.Transport, tracer)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// get sends a request for a tenant and returns the response if it is a page. It replaces a
// rejected token once, and repeats a request once if the response has no content.
func (c *Client) get(ctx context.Context, tenantID events.TenantID, r request, interactive bool) (response, error) {
	t, ok := c.tenants[tenantID]
	if !ok {
		return response{}, &Error{Kind: ValidationError, Entity: r.entity.Name, permanent: true,
			Message: fmt.Sprintf("tenant %q has no credentials", tenantID)}
	}
	for attempt := 1; ; attempt++ {
		resp, token, err := c.attempt(ctx, t, r, interactive)
		if err != nil {
			return response{}, err
		}
		switch {
		case resp.isPage():
			t.limits.succeeded(r.path)
			c.logThrottleEnd(t)
			return resp, nil
		case resp.status == http.StatusNoContent && attempt == 1:
			continue
		case resp.status == http.StatusNoContent && r.mayBeEmpty:
			t.limits.succeeded(r.path)
			return resp, nil
		case resp.status == http.StatusTooManyRequests && !t.limits.limited(r.path):
			c.logThrottleStart(t, r.entity.Name, resp.retryAfter(true))
			t.limiter.throttle(ctx, resp.retryAfter(true))
		case resp.status == http.StatusUnauthorized:
			t.token.drop(token)
			if attempt == 1 {
				continue
			}
		}
		return response{}, resp.statusError()
	}
}

// attempt sends a request once. It returns the token it used. The token is read last, after
// all waiting, so that it is valid when the request is sent. It is also read first, so that
// calls that the rate limit allows do not queue for a new token.
func (c *Client) attempt(ctx context.Context, t *tenant, r request, interactive bool) (response, Secret, error) {
	call := call{
		tenant: t, subject: r.entity.Name, method: http.MethodGet, path: strings.ReplaceAll(r.path, "{tenant}", url.PathEscape(string(t.id))), route: r.path,
		scope: r.entity.Scope, timeout: requestTimeout, feedToken: r.feedToken, slot: r.slot,
		secrets: []Secret{t.creds.ClientSecret, t.creds.AppKey}, isPrivate: c.fields.covers(r.entity.Name),
	}
	call.address = publicAddress(c.apiURL + call.path)
	if _, err := t.token.get(ctx); err != nil {
		return response{}, "", call.interruptedError("getting a token", err)
	}
	if err := c.waitForLimit(ctx, t, call.subject, interactive); err != nil {
		return response{}, "", call.limitError(err)
	}
	token, err := t.token.get(ctx)
	if err != nil {
		return response{}, "", call.interruptedError("getting a token", err)
	}
	call.secrets = append(call.secrets, token)
	req, err := http.NewRequest(call.method, c.apiURL+call.path+"?"+r.query.Encode(), nil)
	if err != nil {
		return response{}, "", call.addressError()
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	req.Header.Set("ST-App-Key", string(t.creds.AppKey))
	resp, err := c.exchange(ctx, call, req)
	return resp, token, err
}

// waitForLimit waits for the rate limit and records for how long, also if the call would have
// to wait longer and is postponed.
func (c *Client) waitForLimit(ctx context.Context, t *tenant, subject string, interactive bool) error {
	began := time.Now()
	err := t.limiter.wait(ctx, subject, interactive)
	waited := time.Since(began)
	if postponed, ok := errors.AsType[*rateLimitError](err); ok {
		waited += postponed.wait
	}
	if waited < time.Millisecond {
		return err // it did not wait
	}
	reason := DelayRateLimit
	if t.throttled.Ongoing() {
		reason = DelayTooManyRequests
	}
	c.recorder.Delayed(t.id, reason, waited)
	return err
}

// exchange sends req and reads the whole response, whatever its status.
func (c *Client) exchange(ctx context.Context, call call, req *http.Request) (response, error) {
	reqCtx, cancel := context.WithTimeout(context.WithValue(ctx, routeKey{}, call.route), call.timeout)
	defer cancel()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	sentAt := c.now()
	res, err := c.http.Do(req.WithContext(reqCtx))
	if err != nil {
		err := call.noResponseError(ctx, err, nil)
		c.noteResponse(ctx, call, sentAt, 0, err)
		return response{}, err
	}
	defer res.Body.Close()
	var body []byte
	if err = call.slot.acquire(reqCtx); err == nil {
		body, err = readBody(res)
	}
	err = cmp.Or(err, failpoint.Error("servicetitan/answered", io.ErrUnexpectedEOF))
	body = bytes.TrimPrefix(body, byteOrderMark)
	if errors.Is(err, errTooLarge) {
		large := response{call: call, status: res.StatusCode, body: body}
		return response{}, large.permanentError(APIError, "%v%s", err, large.excerpt())
	}
	if err != nil {
		err := call.noResponseError(ctx, err, body)
		c.noteResponse(ctx, call, sentAt, 0, err)
		return response{}, err
	}
	resp := response{call: call, status: res.StatusCode, header: res.Header, body: body, date: serverDate(res.Header, sentAt)}
	c.noteResponse(ctx, call, sentAt, resp.status, nil)
	c.log.Debug().Str("entity", call.subject).Str("path", call.path).Int("status", res.StatusCode).
		Int("bytes", len(body)).Dur("duration_ms", c.now().Sub(sentAt)).Msg("API responded")
	return resp, nil
}

// byteOrderMark is what some servers put before UTF-8.
var byteOrderMark = []byte("\uFEFF")

// publicAddress returns an address as errors show it: without user, query and fragment.
func publicAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

var errTooLarge = fmt.Errorf("the response is larger than %d MiB after decompression", maxBody>>20)

// readBody reads a body, which the transport decompresses. With an error it returns the part
// that was read.
func readBody(res *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if n := res.ContentLength; n > 0 && n <= maxBody {
		body.Grow(int(n) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(res.Body, maxBody+1))
	if n > maxBody {
		return body.Bytes(), errTooLarge
	}
	return body.Bytes(), err
}

// serverDate returns the server's clock. If the response has no date, it
// returns the time of the request: the response cannot contain a later change.
func serverDate(h http.Header, sentAt time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t.UTC()
	}
	return sentAt.UTC()
}
