package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lazi/lazisync/events"
)

// natsClient is the client of requests over NATS. NATS has authenticated it and authorized its
// subject, and does not say who it is.
var natsClient = Token{Name: "NATS", Role: Operator}

type natsClientKey struct{}

// AnswerStatus answers a request for the status over NATS: what needs attention, the states of all
// entities, the latest runs and the waiting requests, as the API returns each of them. The message
// has no data.
func (g *Gateway) AnswerStatus(ctx context.Context, m events.Message) (status int, failure string, response []byte) {
	return g.answerNATS(ctx, events.Message{}, func(w http.ResponseWriter, r *http.Request) error {
		if len(m.Data) > 0 {
			return invalid(field("data", string(m.Data), "an empty request"))
		}
		all := map[string]json.RawMessage{}
		for _, show := range []handler{g.showAttention, g.showState, g.showRuns} {
			var part bufferedResponse
			if err := show(&part, r); err != nil {
				return err
			}
			if err := json.Unmarshal(part.body.Bytes(), &all); err != nil {
				return fmt.Errorf("decode a part of the status: %w", err)
			}
		}
		delete(all, "nextBefore") // there is no next page here
		return writeJSON(w, http.StatusOK, all)
	})
}

// AnswerRequest answers a request for a sync over NATS as the API answers POST /sync/{mode}. The
// data of the message is that of sync.requested. Its headers may be Idempotency-Key, Traceparent and
// Wait.
func (g *Gateway) AnswerRequest(ctx context.Context, m events.Message) (status int, failure string, response []byte) {
	return g.answerNATS(ctx, m, g.withAudit(actRequest+"unknown", func(w http.ResponseWriter, r *http.Request) error {
		return g.sendRequest(w, r, r.Header.Get("Wait"), nil)
	}))
}

// answerNATS calls the handler of a request that came over NATS.
func (g *Gateway) answerNATS(ctx context.Context, m events.Message, handle handler) (status int, failure string, response []byte) {
	ctx = context.WithValue(ctx, natsClientKey{}, natsClient)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(m.Data))
	if err != nil { // never, the URL is constant
		return http.StatusInternalServerError, err.Error(), nil
	}
	for name, values := range m.Header {
		switch name = http.CanonicalHeaderKey(name); name {
		case keyHeader, "Traceparent", "Wait":
			r.Header[name] = append(r.Header[name], values...)
		}
	}
	var w bufferedResponse
	g.withRecovery(g.withProblems(handle)).ServeHTTP(&w, r)
	if w.status < http.StatusBadRequest {
		return w.status, "", w.body.Bytes()
	}
	var p Problem
	if err := json.Unmarshal(w.body.Bytes(), &p); err != nil {
		p.Title = http.StatusText(w.status)
	}
	return w.status, p.Error(), w.body.Bytes()
}

// bufferedResponse is a response in memory.
type bufferedResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *bufferedResponse) Header() http.Header {
	if b.header == nil {
		b.header = http.Header{}
	}
	return b.header
}

func (b *bufferedResponse) WriteHeader(status int) { b.status = status }

func (b *bufferedResponse) Write(p []byte) (int, error) { return b.body.Write(p) }
