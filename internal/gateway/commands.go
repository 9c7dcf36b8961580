package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/backoff"
	"github.com/lazi/lazisync/internal/ledger"
)

// requestResponse is the response to a sync request.
type requestResponse struct {
	RequestID  string  `json:"requestId"`
	WorkflowID string  `json:"workflowId"`
	RunID      *string `json:"runId"` // null when not known in time
}

// request publishes sync.requested. The body is the data of the event without the mode.
func (g *Gateway) request(mode events.Mode) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return g.sendRequest(w, r, r.URL.Query().Get("wait"), map[string]any{"mode": mode})
	}
}

// sendRequest publishes sync.requested with the fields of the body and those that the path
// determines.
func (g *Gateway) sendRequest(w http.ResponseWriter, r *http.Request, waitFor string, path map[string]any) error {
	wait, err := parseWait(waitFor)
	if err != nil {
		return err
	}
	given, err := g.body(w, r)
	if err != nil {
		return err
	}
	attributes, err := g.attributes(r)
	if err != nil {
		return err
	}
	event, err := received(events.Requested, attributes, given, path)
	if err != nil {
		return err
	}
	data, tenant, err := events.Validator{Tenants: g.Tenants, Entities: g.Entities, Refreshes: ledger.Refreshes(), Now: time.Now()}.Request(event)
	if err != nil {
		return invalidCommand(err)
	}
	id := events.RequestID(attributes.Source, attributes.ID)
	entry := auditOf(r)
	entry.Action = actRequest + string(data.Mode)
	entry.TenantID, entry.Target, entry.Reason = tenant, data.Mode.WorkflowID(tenant, id), data.Reason
	digest, err := ledger.Digest(data)
	if err != nil {
		return err
	}
	if err := g.checkRepeat(r, id, digest); err != nil {
		return err
	}
	if err := publishCommand(r.Context(), g, events.Requested, attributes, data); err != nil {
		return err
	}
	entry.RequestID = id
	runID, err := g.firstRun(r.Context(), id, digest)
	if err != nil {
		return err
	}
	entry.accept()
	return g.respond(w, r, requestResponse{RequestID: id, WorkflowID: entry.Target, RunID: runID}, wait)
}

// The target of a control: a workflow or a request.
const (
	controlWorkflow = "workflowId"
	controlRequest  = "requestId"
)

// control publishes sync.control for the workflow in the path.
func (g *Gateway) control(action events.Action) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return g.sendControl(w, r, action, controlWorkflow, false)
	}
}

// checkWorkflow rejects the control of an unknown workflow. It waits a moment, because a new
// workflow may not be in the database yet. If the database is unavailable, the bridge
// decides.
func (g *Gateway) checkWorkflow(ctx context.Context, id string) error {
	if strings.ContainsFunc(id, isNotHeaderSafe) {
		return notFound(controlWorkflow, id, "the workflow ID of a run")
	}
	ctx, cancel := context.WithTimeout(ctx, runIDTimeout)
	defer cancel()
	for {
		state, err := g.Ledger.Workflow(ctx, id)
		if err != nil || state.Known {
			return nil //nolint:nilerr // not known whether it is known
		}
		if !backoff.Sleep(ctx, 100*time.Millisecond) {
			return notFound(controlWorkflow, id, "the workflow ID of a run")
		}
	}
}

// sendControl publishes sync.control for the target in the path. The body may contain reason
// and actor. seen reports that the workflow is known to exist.
func (g *Gateway) sendControl(w http.ResponseWriter, r *http.Request, action events.Action, target string, seen bool) error {
	given, err := g.body(w, r)
	if err != nil {
		return err
	}
	attributes, err := g.attributes(r)
	if err != nil {
		return err
	}
	id := r.PathValue("workflowId")
	// An idempotency key that is reused for another control makes another event. With one source,
	// JetStream would drop that event as a duplicate.
	attributes.Source += "/" + string(action) + "/" + url.PathEscape(id)
	if len(attributes.Source) > events.MaxIdentity { // no ID of a workflow is that long
		return notFound(controlWorkflow, id, "the workflow ID of a run")
	}
	if _, named := given[controlRequest]; named {
		return invalid(events.FieldError{Path: controlRequest, Got: string(given[controlRequest]), Want: "the field omitted: the path names the workflow"})
	}
	event, err := received(events.Control, attributes, given, map[string]any{"action": action, target: id})
	if err != nil {
		return err
	}
	data, err := events.Control.Data(event)
	if err != nil {
		return invalidCommand(err)
	}
	entry := auditOf(r)
	entry.Reason = data.Reason
	if target == controlWorkflow && !seen {
		if err := g.checkWorkflow(r.Context(), id); err != nil {
			return err
		}
	}
	if who, known := g.client(r); known && data.Actor == "" {
		data.Actor = who.Name
	}
	if err := publishCommand(r.Context(), g, events.Control, attributes, data); err != nil {
		return err
	}
	entry.RequestID = events.RequestID(attributes.Source, attributes.ID)
	return writeJSON(w, http.StatusAccepted, map[string]any{"success": true, "requestId": entry.RequestID})
}

// body returns the fields of a JSON object. An empty body has none.
func (g *Gateway) body(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if len(events.TrimBOM(body)) == 0 {
		return map[string]json.RawMessage{}, nil
	}
	return fields(body)
}

const keyHeader = "Idempotency-Key"

// attributes returns the identity of a command. Each client has its own source, because
// clients choose their own keys.
func (g *Gateway) attributes(r *http.Request) (events.Attributes, error) {
	a := events.Attributes{ID: r.Header.Get(keyHeader), Source: ledger.GatewaySource, Time: g.Now().UTC()}
	switch keys := r.Header.Values(keyHeader); {
	case len(keys) > 1:
		return a, invalid(events.FieldError{Path: keyHeader, Got: fmt.Sprintf("%d of them", len(keys)), Want: "one"})
	case !utf8.ValidString(a.ID):
		return a, invalid(field(keyHeader, a.ID, "UTF-8"))
	}
	if a.ID == "" {
		a.ID = rand.Text()
	}
	if who, known := g.client(r); known {
		a.Source += "/" + url.PathEscape(who.Name)
	}
	if given := r.Header.Get("Traceparent"); events.IsTraceParent(given) {
		a.TraceParent = given
	}
	return a, nil
}

// received returns the event that the fields of the body and those that the path determines
// make, as the bridge would receive it. Its data is not validated yet.
func received[T any](t events.Type[T], a events.Attributes, given map[string]json.RawMessage, path map[string]any) (events.Event, error) {
	data := map[string]any{}
	for name, value := range given {
		if _, determined := path[name]; determined {
			return events.Event{}, invalid(events.FieldError{Path: name, Got: string(value), Want: "the field omitted: the path determines it"})
		}
		data[name] = value
	}
	maps.Copy(data, path)
	encoded, err := json.Marshal(map[string]any{"specversion": "1.0", "id": a.ID, "source": a.Source, "type": t.Name, "data": data})
	if err != nil {
		return events.Event{}, fmt.Errorf("encode %s: %w", t.Subject, err)
	}
	event, err := events.Decode(events.Message{
		Subject: t.Subject, Header: map[string][]string{"Content-Type": {events.ContentType}}, Data: encoded,
	})
	return event, invalidCommand(err)
}

// invalidCommand returns the problem for a rejection. Other errors are returned unchanged.
func invalidCommand(err error) error {
	var rejection *events.Rejection
	if !errors.As(err, &rejection) {
		return err
	}
	switch rejection.Code {
	case events.CodeTooLarge:
		return bodyProblem(&http.MaxBytesError{Limit: maxBody})
	case events.CodeBadEnvelope:
		for i, e := range rejection.Errors {
			if e.Path == "id" { // the client knows it by another name
				rejection.Errors[i].Path = keyHeader
			}
		}
		return invalid(rejection.Errors...)
	}
	p := invalid(rejection.Errors...)
	p.Detail = rejection.Reason
	return p
}

func publishCommand[T any](ctx context.Context, g *Gateway, t events.Type[T], a events.Attributes, data T) error {
	event, err := t.New(a, data)
	if err != nil {
		return fmt.Errorf("create %s: %w", t.Subject, err)
	}
	return g.publish(ctx, event)
}

// checkRepeat rejects an idempotency key that was used for a different request. JetStream
// would drop the second event as a duplicate without an error.
func (g *Gateway) checkRepeat(r *http.Request, id, digest string) error {
	if r.Header.Get(keyHeader) == "" {
		return nil
	}
	request, err := g.Ledger.Request(r.Context(), id)
	switch {
	case errors.Is(err, ledger.ErrUnknown):
		return nil
	case err != nil:
		return unavailable("the database is unavailable", err)
	case request.Digest != digest:
		return keyReused()
	}
	return nil
}

func keyReused() *Problem {
	return problem(http.StatusConflict, "key-reused", "Key reused", keyHeader+" was already used for a request with different data")
}

// firstRun waits briefly for the run ID, which the bridge stores after it started the
// workflow. It returns nil if the run ID is still unknown: the request is stored all the
// same. It also detects a concurrent request with the same key, in which case JetStream
// dropped this one.
func (g *Gateway) firstRun(ctx context.Context, requestID, digest string) (*string, error) {
	ctx, cancel := context.WithTimeout(ctx, runIDTimeout)
	defer cancel()
	for {
		request, err := g.Ledger.Request(ctx, requestID)
		switch {
		case err == nil && request.Digest != digest:
			return nil, keyReused()
		case err == nil && request.FirstRunID != "":
			return &request.FirstRunID, nil
		case err != nil && !errors.Is(err, ledger.ErrUnknown) && ctx.Err() == nil:
			g.Logger.Warn().Err(err).Str("request_id", requestID).Msg("run ID unknown, database unavailable")
			return nil, nil
		}
		if !backoff.Sleep(ctx, 50*time.Millisecond) {
			return nil, nil
		}
	}
}
