package fakeslack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Token is the only bot token that the web API accepts.
const Token = "xoxb-000000000000-fake"

// APIURL returns the address of the web API, for SLACK_API_URL.
func (s *Server) APIURL() string { return "http://" + s.addr + "/api" }

// Delete removes a bot's message, as a person may.
func (s *Server) Delete(ts string) {
	s.change(func() {
		for i, m := range s.messages {
			if m.TS == ts {
				s.messages = append(s.messages[:i:i], s.messages[i+1:]...)
				return
			}
		}
	})
}

// Errors of the web API, which answers them with status 200.
var (
	errNotAuthed   = errors.New("not_authed")
	errInvalidAuth = errors.New("invalid_auth")
	errNotFound    = errors.New("message_not_found")
	errNoChannel   = errors.New("channel_not_found")
	errNotJSON     = errors.New("invalid_json")
)

// api wraps a method of the web API: it checks the token, fails as configured and limits the rate.
func (s *Server) api(method func(body []byte) (map[string]any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "invalid_payload", http.StatusBadRequest)
			return
		}
		if a, ok := s.nextAnswer(); ok {
			if a.Status == http.StatusTooManyRequests && a.Error == "" {
				a.Error = "ratelimited"
			}
			s.refuse(w, r, a)
			return
		}
		if s.limiter != nil && !s.limiter.Allow() {
			s.refuse(w, r, Answer{Status: http.StatusTooManyRequests, Error: "ratelimited", RetryAfter: 1})
			return
		}
		result, err := map[string]any(nil), checkToken(r.Header.Get("Authorization"))
		if err == nil {
			result, err = method(body)
		}
		if err != nil {
			s.refuse(w, r, Answer{Status: http.StatusOK, Error: err.Error()})
			return
		}
		result["ok"] = true
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("X-OAuth-Scopes", "chat:write,chat:write.public")
		_ = json.NewEncoder(w).Encode(result)
	}
}

func checkToken(header string) error {
	switch token, ok := strings.CutPrefix(header, "Bearer "); {
	case !ok:
		return errNotAuthed
	case token != Token:
		return errInvalidAuth
	}
	return nil
}

// channelID returns the ID that Slack gives a channel, which only postMessage may call by name.
func channelID(name string) string {
	return "C" + strings.ToUpper(strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, name))
}

func (s *Server) authTest([]byte) (map[string]any, error) {
	return map[string]any{"team": "Fake", "user": "lazisync", "bot_id": "B00000000"}, nil
}

func (s *Server) postMessage(body []byte) (map[string]any, error) {
	m, err := parse(body)
	switch {
	case errors.Is(err, errPayload):
		return nil, errNotJSON
	case err != nil:
		return nil, err
	case !strings.HasPrefix(m.Channel, "#"):
		return nil, errNoChannel
	}
	s.mu.Lock()
	s.posted++
	m.TS = fmt.Sprintf("%d.%06d", time.Now().Unix(), s.posted)
	s.mu.Unlock()
	s.remember(m)
	return map[string]any{"channel": channelID(m.Channel), "ts": m.TS}, nil
}

// update replaces a message. It finds it by the ID of the channel, not by its name.
func (s *Server) update(body []byte) (map[string]any, error) {
	edited, err := parse(body)
	if err != nil {
		return nil, err
	}
	err = errNotFound
	s.change(func() {
		for i, m := range s.messages {
			if m.TS != "" && m.TS == edited.TS && channelID(m.Channel) == edited.Channel {
				edited.Channel, edited.Edits, edited.ReceivedAt = m.Channel, m.Edits+1, m.ReceivedAt
				s.messages = slices.Clone(s.messages) // readers have the old ones
				s.messages[i], err = edited, nil
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"channel": channelID(edited.Channel), "ts": edited.TS, "text": edited.Text}, nil
}
