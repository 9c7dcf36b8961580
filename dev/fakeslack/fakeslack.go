package fakeslack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lazi/lazisync/dev/ports"
)

// Options configure a Server. The zero value listens on a free port.
type Options struct {
	// Port on 127.0.0.1; 0 selects a free one.
	Port int
	// PerSecond is the number of messages a second above which the response is 429, as Slack
	// does above about one; 0 for no limit.
	PerSecond rate.Limit
}

// Message is a message that was accepted with 200.
type Message struct {
	ReceivedAt time.Time       `json:"receivedAt"`
	Channel    string          `json:"channel,omitempty"`
	Text       string          `json:"text,omitempty"`
	Body       json.RawMessage `json:"body"`
	TS         string          `json:"ts,omitempty"`    // of a bot's message: its id
	Edits      int             `json:"edits,omitempty"` // how often the bot edited it
}

// Answer is a response other than 200.
type Answer struct {
	Status     int           `json:"status"`
	Error      string        `json:"error,omitempty"`      // with 200: of the web API, which answers errors so
	RetryAfter int           `json:"retryAfter,omitempty"` // seconds, with 429
	Times      int           `json:"times,omitempty"`      // number of messages; 0 means all from now on
	Delay      time.Duration `json:"delay,omitempty"`      // of the response
}

// Server is the running fake. Stop it before the process ends.
type Server struct {
	http    *http.Server
	addr    string
	limiter *rate.Limiter
	ended   chan struct{}

	mu       sync.Mutex
	messages []Message
	attempts int
	posted   int // messages of bots
	answer   *Answer
	changed  chan struct{} // closed and renewed at each message
}

// keep is how many messages are remembered; the fake may run for days.
const keep = 1000

// webhookPath looks like Slack's, whose path is the password.
const webhookPath = "/services/T00000000/B00000000/fake"

// Start returns when the fake listens.
func Start(o Options) (*Server, error) {
	l, p, err := ports.Listen(ports.Request{Name: "fake Slack", Port: o.Port, Set: o.Port != 0})
	if err != nil {
		return nil, err
	}
	s := &Server{addr: p.Addr(), ended: make(chan struct{}), changed: make(chan struct{})}
	if o.PerSecond > 0 {
		s.limiter = rate.NewLimiter(o.PerSecond, 1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/", s.receive)
	mux.HandleFunc("POST /api/chat.postMessage", s.api(s.postMessage))
	mux.HandleFunc("POST /api/chat.update", s.api(s.update))
	mux.HandleFunc("POST /api/auth.test", s.api(s.authTest))
	mux.HandleFunc("GET /messages", s.list)
	mux.HandleFunc("POST /answer", s.setAnswer)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go s.serve(l)
	return s, nil
}

func (s *Server) serve(l net.Listener) {
	defer close(s.ended)
	_ = s.http.Serve(l) // it ends when Stop closes it
}

// Stop closes all connections and returns when the server no longer listens.
func (s *Server) Stop() error {
	err := s.http.Close()
	<-s.ended
	return err
}

// URL returns the webhook address, for SLACK_WEBHOOK_URL.
func (s *Server) URL() string { return "http://" + s.addr + webhookPath }

// MessagesURL returns where people can read the messages.
func (s *Server) MessagesURL() string { return "http://" + s.addr + "/messages" }

// Messages returns the messages so far, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Attempts counts all messages sent, also those answered with an error.
func (s *Server) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// Await returns the first message that matches, waiting for it if need be.
func (s *Server) Await(ctx context.Context, match func(Message) bool) (Message, error) {
	for {
		s.mu.Lock()
		messages, changed := s.messages, s.changed
		s.mu.Unlock()
		for _, m := range messages {
			if match(m) {
				return m, nil
			}
		}
		select {
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a Slack message, %d others came: %w", len(messages), ctx.Err())
		case <-changed:
		}
	}
}

// Answer sets the response to the next messages; nil means 200.
func (s *Server) Answer(a *Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// receive is the webhook: it checks what Slack checks and answers in Slack's words.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	if a, ok := s.nextAnswer(); ok {
		s.refuse(w, r, a)
		return
	}
	if s.limiter != nil && !s.limiter.Allow() {
		s.refuse(w, r, Answer{Status: http.StatusTooManyRequests, RetryAfter: 1})
		return
	}
	m, err := parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.remember(m)
	_, _ = io.WriteString(w, "ok")
}

// nextAnswer counts the attempt and takes one use of the answer that was set.
func (s *Server) nextAnswer() (Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if s.answer == nil {
		return Answer{}, false
	}
	a := *s.answer
	if s.answer.Times > 0 {
		left := a
		left.Times--
		s.answer = &left
		if left.Times == 0 {
			s.answer = nil
		}
	}
	return a, true
}

// words are the bodies Slack sends with its errors.
var words = map[int]string{
	http.StatusBadRequest:          "invalid_payload",
	http.StatusForbidden:           "action_prohibited",
	http.StatusNotFound:            "no_service",
	http.StatusGone:                "channel_is_archived",
	http.StatusTooManyRequests:     "rate_limited",
	http.StatusInternalServerError: "rollup_error",
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, a Answer) {
	if a.Delay > 0 {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(a.Delay):
		}
	}
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.RetryAfter))
	}
	if a.Error != "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(a.Status)
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": a.Error})
		return
	}
	http.Error(w, words[a.Status], a.Status)
}

func (s *Server) remember(m Message) {
	s.change(func() {
		s.messages = append(s.messages, m)
		if len(s.messages) > keep {
			s.messages = s.messages[len(s.messages)-keep:]
		}
	})
}

// change changes the messages and wakes all calls of Await.
func (s *Server) change(messages func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	messages := s.Messages()
	if messages == nil {
		messages = []Message{} // an empty list, not null
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(messages)
}

func (s *Server) setAnswer(w http.ResponseWriter, r *http.Request) {
	var a Answer
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&a); err != nil || a.Status < 200 || a.Status > 599 {
		http.Error(w, `want {"status": 200 to 599, "error": code, "retryAfter": seconds, "times": n, "delay": nanoseconds}`, http.StatusBadRequest)
		return
	}
	if a.Status == http.StatusOK && a.Error == "" {
		s.Answer(nil)
	} else {
		s.Answer(&a)
	}
	w.WriteHeader(http.StatusNoContent)
}
