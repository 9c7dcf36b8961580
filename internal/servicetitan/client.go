package servicetitan

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/entity"
)

// Options configure a Client. The zero value of each field means its default.
type Options struct {
	Environment Environment // which hosts to talk to; default Production
	APIURL      string      // overrides the environment's API address
	AuthURL     string      // overrides the environment's token server; /connect/token is added

	Tenants map[string]Credentials // by tenant id

	// RequestsPerSecond is the budget of API calls of each tenant, default 50.
	// ServiceTitan allows 60 to an app and tenant. Up to a fifth more may go out
	// within one second, and no more in the long run. Token requests are not part of it:
	// ServiceTitan limits them by themselves.
	RequestsPerSecond float64
	// Budgets are those of tenants whose budget is another, by tenant id.
	Budgets map[string]float64
	// Pool is where all processes take their calls from. Without one this client has
	// the budgets to itself.
	Pool Pool

	HTTP      *http.Client // default: http.DefaultTransport's settings; its CheckRedirect is replaced
	UserAgent string       // default "lazisync"
	Logger    zerolog.Logger
	Now       func() time.Time // default time.Now
}

// Credentials of one tenant. The app key is the same for all tenants of an app.
type Credentials struct {
	ClientID     string
	ClientSecret Secret
	AppKey       Secret
}

// Environment is one of ServiceTitan's two installations.
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
	apiURL    string
	tokenURL  string
	userAgent string
	http      *http.Client
	log       zerolog.Logger
	now       func() time.Time
	tenants   map[string]*tenant
	suspects  suspects
}

// tenant is what calls on behalf of one tenant share.
type tenant struct {
	id     string
	creds  Credentials
	token  *tokenCache
	budget *budget
	limits limits
}

// New makes a client. It connects to nothing.
func New(o Options) *Client {
	api, auth := o.Environment.hosts()
	c := &Client{
		apiURL:    strings.TrimRight(or(o.APIURL, api), "/"),
		tokenURL:  strings.TrimRight(or(o.AuthURL, auth), "/") + tokenPath,
		userAgent: or(o.UserAgent, defaultUserAgent),
		http:      httpClient(o.HTTP),
		log:       o.Logger,
		now:       o.Now,
		tenants:   make(map[string]*tenant, len(o.Tenants)),
	}
	if c.now == nil {
		c.now = time.Now
	}
	for id, creds := range o.Tenants {
		perSecond := defaultRequestsPerSecond
		for _, given := range []float64{o.RequestsPerSecond, o.Budgets[id]} {
			if given > 0 {
				perSecond = given
			}
		}
		t := &tenant{id: id, creds: creds, budget: newBudget(id, perSecond, o.Pool, o.Logger)}
		t.token = &tokenCache{now: c.now, fetch: func(ctx context.Context) (accessToken, error) { return c.fetchToken(ctx, t) }}
		c.tenants[id] = t
	}
	return c
}

// Page reads the page of e that the cursor at asks for. Interactive calls may
// use the whole budget, others leave a share of it free. A call that would have to
// wait for the budget for more than two seconds fails, and says for how long.
//
// A list without a filter for a window of change is read whole, whatever the
// cursor's bounds. Page.Date is the server's clock; where an answer carries
// none it is the local time at which the page was asked for.
func (c *Client) Page(ctx context.Context, tenantID string, e entity.Entity, at entity.Cursor, interactive bool) (entity.Page, error) {
	req, err := pageRequest(e, at)
	if err != nil {
		return entity.Page{}, err
	}
	req.mayBeEmpty = true
	ans, err := c.get(ctx, tenantID, req, interactive)
	if err != nil {
		return entity.Page{}, err
	}
	page, err := c.page(tenantID, req, at, ans)
	if err != nil {
		return entity.Page{}, err
	}
	return c.settle(ctx, tenantID, e, at, page, interactive)
}

// Count asks how many records the list of e holds, in every state: an estimate
// for progress bars, since the list does not show deleted records. It is -1
// where there is no list that counts.
func (c *Client) Count(ctx context.Context, tenantID string, e entity.Entity) (int, error) {
	if !countable(e) {
		return -1, nil
	}
	return c.count(ctx, tenantID, e, entity.Cursor{}, false)
}

// Waiting is how long the next call for an entity still waits for the tenant's budget;
// 0 where none does.
func (c *Client) Waiting(tenantID, entityName string) time.Duration {
	if t, ok := c.tenants[tenantID]; ok {
		return t.budget.waiting(entityName)
	}
	return 0
}

// Format prints a client, credentials left out: fmt reaches fields that are not
// exported without asking them how to print.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "ServiceTitan client of %s for %d tenants", c.apiURL, len(c.tenants))
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
