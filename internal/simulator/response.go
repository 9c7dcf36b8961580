package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// response is a response before it is sent. A fault may still change it.
type response struct {
	status  int
	header  http.Header
	body    []byte
	records int         // in a page
	ignored []string    // parameters that the endpoint does not have
	buffer  *jsonWriter // holds body, for reuse
	cut     bool        // send only half of the body
}

// jsonWriters reuses the buffers of pages, which have several megabytes.
var jsonWriters = sync.Pool{New: func() any { return new(jsonWriter) }}

func jsonResponse(status int, value any) response {
	body, err := json.Marshal(value)
	if err != nil {
		return response{status: http.StatusInternalServerError}
	}
	return response{status: status, body: body}
}

// problem is the body of an error of the API.
type problem struct {
	Type    string              `json:"type"`
	Title   string              `json:"title"`
	Status  int                 `json:"status"`
	TraceID string              `json:"traceId"`
	Errors  map[string][]string `json:"errors"`
	Data    map[string]any      `json:"data"`
}

func (s *Simulator) problem(status int, title string, errors map[string][]string) response {
	if errors == nil {
		errors = map[string][]string{}
	}
	return jsonResponse(status, problem{
		Type:    "https://httpstatuses.io/" + strconv.Itoa(status),
		Title:   title,
		Status:  status,
		TraceID: s.traceID(),
		Errors:  errors,
		Data:    map[string]any{},
	})
}

// rateLimited returns the 429, which is shorter than other problems and has the wait in its
// title.
func (s *Simulator) rateLimited(seconds int, header bool) response {
	a := jsonResponse(http.StatusTooManyRequests, struct {
		Status  int    `json:"status"`
		Title   string `json:"title"`
		TraceID string `json:"traceId"`
	}{http.StatusTooManyRequests, fmt.Sprintf("Rate limit is exceeded. Try again in %d seconds.", seconds), s.traceID()})
	if header {
		a.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	}
	return a
}

func (s *Simulator) traceID() string {
	n := s.traces.Add(1)
	return fmt.Sprintf("00-%032x-%016x-00", n*0x9e3779b97f4a7c15, n)
}

// send writes a response. Its Date header is the simulated time.
func (s *Simulator) send(w http.ResponseWriter, a response) {
	header := w.Header()
	header.Set("Date", s.now().UTC().Format(http.TimeFormat))
	header.Set("Content-Type", "application/json; charset=utf-8")
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if a.cut {
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // closes the connection within the body
	}
	_, _ = w.Write(a.body) // the client may have disconnected
	if a.buffer != nil {
		a.buffer.buf = a.body[:0]
		jsonWriters.Put(a.buffer)
	}
}

// reset closes the connection without a response, as a broken network does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // close with RST
	}
	_ = conn.Close()
}

// decode reads the JSON body of an admin request. Unknown fields are errors.
func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	return d.Decode(into)
}
