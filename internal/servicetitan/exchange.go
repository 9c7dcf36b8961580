package servicetitan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// The server gives up after 100 s; waiting a little longer lets its own
	// answer through.
	requestTimeout = 110 * time.Second
	// maxBody caps an answer after decompression. A page of 5000 invoices with
	// their items is some 20 MB.
	maxBody = 64 << 20
	// Connections kept open to each host; the default of two would open and
	// close one for most calls.
	idleConnections = 16
)

// call is what an error needs to know about a request.
type call struct {
	subject   string // the entity, or "token"
	method    string
	path      string
	address   string // that was asked, without query and user
	scope     string
	timeout   time.Duration
	secrets   []Secret // masked in whatever the server says
	feedToken bool
}

// answer is what came back, read to its end.
type answer struct {
	call
	status int
	header http.Header
	body   []byte
	date   time.Time
}

// httpClient makes base follow no redirects: the next host would be sent the
// app key.
func httpClient(base *http.Client) *http.Client {
	var client http.Client
	if base != nil {
		client = *base
	}
	if client.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = idleConnections
		client.Transport = transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// get asks the API on behalf of a tenant and returns its answer if that is a page. A
// token that is refused is replaced, once. A request whose answer has no content is repeated once
// more before it is believed.
func (c *Client) get(ctx context.Context, tenantID string, r request, interactive bool) (answer, error) {
	t, ok := c.tenants[tenantID]
	if !ok {
		return answer{}, &Error{Kind: ValidationError, Entity: r.entity.Name, permanent: true,
			Message: fmt.Sprintf("tenant %q has no credentials", tenantID)}
	}
	for attempt := 1; ; attempt++ {
		ans, token, err := c.attempt(ctx, t, r, interactive)
		if err != nil {
			return answer{}, err
		}
		switch {
		case ans.isPage():
			t.limits.answered(r.path)
			return ans, nil
		case ans.status == http.StatusNoContent && attempt == 1:
			continue
		case ans.status == http.StatusNoContent && r.mayBeEmpty:
			t.limits.answered(r.path)
			return ans, nil
		case ans.status == http.StatusTooManyRequests && !t.limits.refused(r.path):
			t.budget.refused(ctx, ans.retryAfter(true))
		case ans.status == http.StatusUnauthorized:
			t.token.drop(token)
			if attempt == 1 {
				continue
			}
		}
		return answer{}, ans.failure()
	}
}

// attempt asks once. The token is taken last, after all waiting, so that it is
// good when the request leaves; it is returned for the case of its refusal. It is
// seen to first, so that calls that the budget lets out do not gather behind it.
func (c *Client) attempt(ctx context.Context, t *tenant, r request, interactive bool) (answer, Secret, error) {
	call := call{
		subject: r.entity.Name, method: http.MethodGet, path: strings.ReplaceAll(r.path, "{tenant}", url.PathEscape(t.id)),
		scope: r.entity.Scope, timeout: requestTimeout, feedToken: r.feedToken,
		secrets: []Secret{t.creds.ClientSecret, t.creds.AppKey},
	}
	call.address = publicAddress(c.apiURL + call.path)
	if _, err := t.token.get(ctx); err != nil {
		return answer{}, "", call.interrupted("getting a token", err)
	}
	if err := t.budget.take(ctx, call.subject, interactive); err != nil {
		return answer{}, "", call.unaffordable(err)
	}
	token, err := t.token.get(ctx)
	if err != nil {
		return answer{}, "", call.interrupted("getting a token", err)
	}
	call.secrets = append(call.secrets, token)
	req, err := http.NewRequest(call.method, c.apiURL+call.path+"?"+r.query.Encode(), nil)
	if err != nil {
		return answer{}, "", call.badAddress()
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	req.Header.Set("ST-App-Key", string(t.creds.AppKey))
	ans, err := c.exchange(ctx, call, req)
	return ans, token, err
}

// exchange sends req and reads the whole answer. It does not judge the status.
func (c *Client) exchange(ctx context.Context, call call, req *http.Request) (answer, error) {
	reqCtx, cancel := context.WithTimeout(ctx, call.timeout)
	defer cancel()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	asked := c.now()
	res, err := c.http.Do(req.WithContext(reqCtx))
	if err != nil {
		return answer{}, call.unanswered(ctx, err, nil)
	}
	defer res.Body.Close()
	body, err := readBody(res)
	body = bytes.TrimPrefix(body, byteOrderMark)
	if errors.Is(err, errTooLarge) {
		large := answer{call: call, status: res.StatusCode, body: body}
		return answer{}, large.refuse(APIError, "%v%s", err, large.beginning())
	}
	if err != nil {
		return answer{}, call.unanswered(ctx, err, body)
	}
	c.log.Debug().Str("entity", call.subject).Str("path", call.path).Int("status", res.StatusCode).
		Int("bytes", len(body)).Dur("took", c.now().Sub(asked)).Msg("api answered")
	return answer{call: call, status: res.StatusCode, header: res.Header, body: body, date: serverDate(res.Header, asked)}, nil
}

// byteOrderMark is what some servers put in front of UTF-8.
var byteOrderMark = []byte("\uFEFF")

// publicAddress is an address as errors may show it: without user, query and fragment.
func publicAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

var errTooLarge = fmt.Errorf("the answer is larger than %d MiB once decompressed", maxBody>>20)

// readBody reads a body that the transport decompresses on the way. With an error
// comes what there was of it.
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

// serverDate is the server's clock. Where it does not show one, the moment
// before the question stands in: nothing that changed later can be in the answer.
func serverDate(h http.Header, asked time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t.UTC()
	}
	return asked.UTC()
}
