package stream

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/lazi/lazisync/events"
)

const (
	// ServiceName is the name of the NATS micro service, and the first token of its subjects.
	ServiceName = "lazisync"

	maxServiceRequests = 100 // answered at once by one process, of all endpoints
	serviceTimeout     = 90 * time.Second
)

// Endpoint is one endpoint of the micro service. Its subject is that of ServiceSubject.
type Endpoint struct {
	Name        string
	Description string
	// Handle answers a request. failure is "" for success, otherwise the text of the error, whose
	// code is status and whose details are in the response.
	Handle func(ctx context.Context, m events.Message) (status int, failure string, response []byte)
}

// ServiceSubject returns the subject of an endpoint.
func ServiceSubject(endpoint string) string { return ServiceName + "." + endpoint }

// Serve answers the requests to a NATS micro service until ctx ends, and then those that were
// received before. Processes that serve the same endpoints share the requests. A NATS user that may
// not subscribe to a subject is logged; requests there get no answer.
func (c *Conn) Serve(ctx context.Context, version string, endpoints ...Endpoint) error {
	service, err := micro.AddService(c.nc, micro.Config{
		Name: ServiceName, Version: semanticVersion(version), Description: "replicates ServiceTitan to PostgreSQL",
	})
	if err != nil {
		return fmt.Errorf("add the NATS service %s: %w", ServiceName, err)
	}
	var open openRequests
	for _, e := range endpoints {
		err := service.AddEndpoint(e.Name, c.serviceHandler(ctx, e, &open), micro.WithEndpointSubject(ServiceSubject(e.Name)),
			micro.WithEndpointMetadata(map[string]string{"description": e.Description}))
		if err != nil {
			return errors.Join(fmt.Errorf("add the endpoint %s of the NATS service %s: %w", e.Name, ServiceName, err), service.Stop())
		}
	}
	<-ctx.Done()
	err = service.Stop()
	if err == nil {
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
		defer cancel()
		err = c.nc.FlushWithContext(flushing) // then the server sends no more requests
	}
	open.close()
	if err != nil && c.nc.IsConnected() && !errors.Is(err, context.DeadlineExceeded) { // a server that does not respond sends none either
		return fmt.Errorf("stop the NATS service %s: %w", ServiceName, err)
	}
	return nil
}

// openRequests are the requests that are being answered. The zero value has none.
type openRequests struct {
	mu     sync.Mutex
	count  int
	closed bool
	none   sync.WaitGroup
}

// begin returns false if the request must be refused: too many are open, or the service stops.
func (o *openRequests) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.count == maxServiceRequests {
		return false
	}
	o.count++
	o.none.Add(1)
	return true
}

func (o *openRequests) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count--
	o.none.Done()
}

// close makes begin return false and waits until all open requests have ended.
func (o *openRequests) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.none.Wait()
}

// serviceHandler answers each request in a goroutine of its own, because some wait for an outcome.
func (c *Conn) serviceHandler(ctx context.Context, e Endpoint, open *openRequests) micro.Handler {
	return micro.HandlerFunc(func(r micro.Request) {
		if !open.begin() {
			c.answer(r, 503, fmt.Sprintf("%d requests are being answered or the process stops, retry later", maxServiceRequests), nil)
			return
		}
		go func() {
			defer open.end()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), serviceTimeout)
			defer cancel()
			status, failure, response := e.Handle(ctx, events.Message{Subject: r.Subject(), Header: r.Headers(), Data: r.Data()})
			c.answer(r, status, failure, response)
		}()
	})
}

// answer publishes the answer itself: Respond and Error write to the request, which package micro
// reads without a lock as soon as its handler returns.
func (c *Conn) answer(r micro.Request, status int, failure string, response []byte) {
	m := nats.NewMsg(r.Reply())
	m.Data = response
	if failure != "" {
		m.Header.Set(micro.ErrorCodeHeader, strconv.Itoa(status))
		m.Header.Set(micro.ErrorHeader, strings.Join(strings.Fields(failure), " ")) // a header has one line
	}
	err := nats.ErrMsgNoReply
	if m.Subject != "" {
		err = c.nc.PublishMsg(m)
	}
	if err != nil {
		c.log.Warn().Err(err).Str("nats_subject", r.Subject()).Msg("request over NATS not answered")
	}
}

var semantic = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// semanticVersion returns the version in the form that micro services require.
func semanticVersion(version string) string {
	version = strings.TrimPrefix(version, "v")
	if semantic.MatchString(version) {
		return version
	}
	return "0.0.0-devel"
}
