package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// Problem is an RFC 9457 problem document, and an error.
type Problem struct {
	Type   string              `json:"type"`
	Title  string              `json:"title"`
	Status int                 `json:"status"`
	Detail string              `json:"detail,omitempty"`
	Errors []events.FieldError `json:"errors,omitempty"`

	retryAfter time.Duration
	cause      error // only for the log
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }
func (p *Problem) Unwrap() error { return p.cause }

// problemPrefix is the beginning of the type of every problem; its code follows.
const problemPrefix = "urn:lazisync:problem:"

func problem(status int, code, title, detail string) *Problem {
	return &Problem{Type: problemPrefix + code, Title: title, Status: status, Detail: detail}
}

func fieldProblem(status int, code, title string, list ...events.FieldError) *Problem {
	p := problem(status, code, title, events.Reject("", list...).Reason)
	p.Errors = list
	return p
}

func notFound(path, got, want string) *Problem {
	return fieldProblem(http.StatusNotFound, "not-found", "Not found", field(path, got, want))
}

func wrongMethod(got string, allowed []string) *Problem {
	return problem(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed",
		fmt.Sprintf("got %s, want %s", got, strings.Join(allowed, " or ")))
}

func wrongType(got, want string) *Problem {
	return problem(http.StatusUnsupportedMediaType, "unsupported-media-type", "Unsupported media type",
		fmt.Sprintf("got %q, want %s", got, want))
}

// invalid returns the problem of valid JSON with invalid data.
func invalid(list ...events.FieldError) *Problem {
	return fieldProblem(http.StatusUnprocessableEntity, "invalid-data", "Invalid data", list...)
}

// allInvalid returns invalid for a list of errors, nil if it is empty.
func allInvalid(list []events.FieldError) error {
	if len(list) == 0 {
		return nil
	}
	return invalid(list...)
}

// unavailable returns the problem of an unavailable dependency. The cause is only logged.
func unavailable(what string, cause error) *Problem {
	p := problem(http.StatusServiceUnavailable, "unavailable", "Unavailable", what+", retry later")
	p.retryAfter, p.cause = 10*time.Second, cause
	return p
}

func field(path, got, want string) events.FieldError {
	return events.FieldError{Path: path, Got: strconv.Quote(got), Want: want}
}

// asProblem returns the Problem in the chain of err, else an internal error.
func asProblem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	p := problem(http.StatusInternalServerError, "internal", "Internal error", "see the log of the gateway")
	p.cause = err
	return p
}

// bodyProblem returns the problem of a body that could not be read.
func bodyProblem(err error) *Problem {
	var large *http.MaxBytesError
	var slow net.Error
	switch {
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "too-large", "Body too large",
			fmt.Sprintf("got a body of more than %d bytes, want at most %[1]d", large.Limit))
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusRequestTimeout, "timeout", "Request timeout", "the body was not received within the timeout")
	}
	return problem(http.StatusBadRequest, "unreadable", "Incomplete body", "the connection ended before the body was complete")
}

func (g *Gateway) writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	switch {
	case p.cause == nil:
	case r.Context().Err() != nil: // no outage: the client no longer waits for the response
		g.Logger.Debug().Err(p.cause).Str("method", r.Method).Str("path", r.URL.Path).Msg("client disconnected")
	default:
		g.Logger.Error().Err(p.cause).Str("method", r.Method).Str("path", r.URL.Path).Int("status", p.Status).Msg(p.Detail)
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	body, err := json.Marshal(p)
	if err != nil {
		g.Logger.Error().Err(err).Msg("encode problem document")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // fails only if the client has disconnected
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only if the client has disconnected
	return nil
}
