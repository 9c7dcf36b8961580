package servicetitan

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/outage"
)

// Options configure a Client. The zero value of a field means its default.
type Options struct {
	Environment Environment // which hosts to use; default Production
	APIURL      string      // overrides the environment's API address
	AuthURL     string      // overrides the environment's token server; /connect/token is added

	Tenants map[events.TenantID]Credentials // by tenant ID

	// RequestsPerSecond limits the API calls of each tenant, default 50. ServiceTitan
	// allows 60 for each app and tenant. A burst may exceed the limit by up to a fifth
	// within one second. Token requests do not count: ServiceTitan limits them separately.
	RequestsPerSecond float64
	// Budgets overrides RequestsPerSecond, by tenant ID.
	Budgets map[events.TenantID]float64
	// RateLimiter is shared by all processes that read the tenants. Default: a limiter
	// local to this client.
	RateLimiter RateLimiter

	// Fields is applied to records before anything else reads them. Default: all fields are kept.
	Fields *FieldPolicy

	// PagesInMemory bounds the pages that are held at once: a response with a further one is not
	// read until the caller releases another. Default: no bound.
	PagesInMemory int

	HTTP      *http.Client // default: the settings of http.DefaultTransport; CheckRedirect is replaced
	UserAgent string       // default "lazisync"
	Logger    zerolog.Logger
	Recorder  Recorder             // default: none
	Tracer    trace.TracerProvider // of the calls; default: none
	Now       func() time.Time     // default time.Now
}

// Credentials of one tenant. The app key is the same for all tenants of an app.
type Credentials struct {
	ClientID     string
	ClientSecret Secret
	AppKey       Secret
}

// Environment is one of ServiceTitan's two environments.
type Environment string

const (
	Production  Environment = "production"
	Integration Environment = "integration"
)

func (e Environment) hosts() (api, auth string) {
	if e == Integration {
		return "https://api-integration.servicetitan.io", "https://auth-integration.servicetitan.io"
	}
	return "https://api.servicetitan.io", "https://auth.servicetitan.io"
}

const (
	defaultRequestsPerSecond = 50.0
	defaultUserAgent         = "lazisync"
)

// Client reads from the API for any number of tenants. It is safe for
// concurrent use.
type Client struct {
	apiURL          string
	tokenURL        string
	userAgent       string
	http            *http.Client
	log             zerolog.Logger
	recorder        Recorder
	now             func() time.Time
	tenants         map[events.TenantID]*tenant
	fields          *FieldPolicy
	malformedCounts malformedCounts
	pageSlots       pageSlots
}

// tenant is the state shared by the calls for one tenant.
type tenant struct {
	id      events.TenantID
	creds   Credentials
	token   *tokenCache
	limiter *tenantLimiter
	limits  pathLimits

	outage    outage.Detector // of ServiceTitan, for the tenant
	throttled outage.Detector // by ServiceTitan, with status 429
}

// New returns a Client. It does not connect.
func New(o Options) *Client {
	api, auth := o.Environment.hosts()
	c := &Client{
		apiURL:    strings.TrimRight(or(o.APIURL, api), "/"),
		tokenURL:  strings.TrimRight(or(o.AuthURL, auth), "/") + tokenPath,
		userAgent: or(o.UserAgent, defaultUserAgent),
		http:      httpClient(o.HTTP, o.Tracer),
		log:       o.Logger,
		recorder:  o.Recorder,
		now:       o.Now,
		fields:    o.Fields,
		tenants:   make(map[events.TenantID]*tenant, len(o.Tenants)),
	}
	if c.recorder == nil {
		c.recorder = nopRecorder{}
	}
	if c.now == nil {
		c.now = time.Now
	}
	if o.PagesInMemory > 0 {
		c.pageSlots = make(pageSlots, o.PagesInMemory)
	}
	for id, creds := range o.Tenants {
		perSecond := defaultRequestsPerSecond
		for _, given := range []float64{o.RequestsPerSecond, o.Budgets[id]} {
			if given > 0 {
				perSecond = given
			}
		}
		t := &tenant{id: id, creds: creds, outage: outage.Detector{Threshold: outageThreshold}, limiter: newTenantLimiter(id, perSecond, o.RateLimiter, o.Logger)}
		t.token = &tokenCache{now: c.now, fetch: func(ctx context.Context) (accessToken, error) { return c.fetchToken(ctx, t) }}
		c.tenants[id] = t
	}
	return c
}

// Page reads the page of e that the cursor at points to. The caller releases it. Interactive calls may use the
// reserve of the rate limit. A call that would wait for the rate limit for more than two
// seconds fails with an *Error whose RetryAfter is the wait.
//
// A list without a filter for changes is read whole, whatever the bounds of the cursor.
// Page.Date is the server's clock or, if the response has no Date header, the local time of
// the request.
func (c *Client) Page(ctx context.Context, tenantID events.TenantID, e entity.Entity, at entity.Cursor, interactive bool) (entity.Page, error) {
	req, err := pageRequest(e, at)
	if err != nil {
		return entity.Page{}, err
	}
	req.mayBeEmpty, req.slot = true, c.pageSlots.slot()
	page, err := c.readPage(ctx, tenantID, req, at, interactive)
	if err == nil {
		page, err = c.verifyStable(ctx, tenantID, e, at, page, interactive)
	}
	if err != nil {
		req.slot.release()
		return entity.Page{}, err
	}
	if req.slot != nil {
		page = page.WithRelease(req.slot.release)
	}
	return page, nil
}

func (c *Client) readPage(ctx context.Context, tenantID events.TenantID, req request, at entity.Cursor, interactive bool) (entity.Page, error) {
	resp, err := c.get(ctx, tenantID, req, interactive)
	if err != nil {
		return entity.Page{}, err
	}
	return c.page(tenantID, req, at, resp)
}

// Count returns the number of records in the list of e, in every state, for progress bars.
// It is an estimate because the list omits deleted records. It is -1 if e has no list that
// counts.
func (c *Client) Count(ctx context.Context, tenantID events.TenantID, e entity.Entity) (int, error) {
	return c.CountSince(ctx, tenantID, e, time.Time{})
}

// CountSince is Count of the records that the list returns for changes since a time, of all if the time
// is zero or the list has no filter for changes.
func (c *Client) CountSince(ctx context.Context, tenantID events.TenantID, e entity.Entity, since time.Time) (int, error) {
	if !e.IsCountable() {
		return -1, nil
	}
	return c.count(ctx, tenantID, e, entity.Cursor{Feed: entity.List, Since: since}, false)
}

// Waiting returns how long the next call for an entity still waits for the rate limit of the
// tenant, 0 if none does.
func (c *Client) Waiting(tenantID events.TenantID, entityName string) time.Duration {
	if t, ok := c.tenants[tenantID]; ok {
		return t.limiter.waiting(entityName)
	}
	return 0
}

// Format prints a Client without its credentials. Without it, fmt would print unexported
// fields and ignore their String methods.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "ServiceTitan client of %s for %d tenants", c.apiURL, len(c.tenants))
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
