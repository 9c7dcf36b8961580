package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// answer is a response before it goes out: faults may still spoil it.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	records int      // in a page
	ignored []string // parameters that the endpoint does not have
	buffer  *pen     // what body stands in, to be used again
	cut     bool     // only half of the body goes out
}

// pens holds the buffers of pages: some megabytes each, not to be made anew.
var pens = sync.Pool{New: func() any { return new(pen) }}

func jsonAnswer(status int, value any) answer {
	body, err := json.Marshal(value)
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{status: status, body: body}
}

// problem is an error body of the API.
type problem struct {
	Type    string              `json:"type"`
	Title   string              `json:"title"`
	Status  int                 `json:"status"`
	TraceID string              `json:"traceId"`
	Errors  map[string][]string `json:"errors"`
	Data    map[string]any      `json:"data"`
}

func (s *Simulator) problem(status int, title string, errors map[string][]string) answer {
	if errors == nil {
		errors = map[string][]string{}
	}
	return jsonAnswer(status, problem{
		Type:    "https://httpstatuses.io/" + strconv.Itoa(status),
		Title:   title,
		Status:  status,
		TraceID: s.traceID(),
		Errors:  errors,
		Data:    map[string]any{},
	})
}

// tooMany is the 429: shorter than other problems, with the wait in its title.
func (s *Simulator) tooMany(seconds int, header bool) answer {
	a := jsonAnswer(http.StatusTooManyRequests, struct {
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

// send writes the answer. The Date is that of the simulated clock.
func (s *Simulator) send(w http.ResponseWriter, a answer) {
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
		panic(http.ErrAbortHandler) // ends the connection in the middle of the body
	}
	_, _ = w.Write(a.body) // the client may be gone; there is nobody to tell
	if a.buffer != nil {
		a.buffer.buf = a.body[:0]
		pens.Put(a.buffer)
	}
}

// reset drops the connection without an answer, as a broken network does.
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

// decode reads the JSON body of an admin call; a misspelt field is an error.
func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	return d.Decode(into)
}
