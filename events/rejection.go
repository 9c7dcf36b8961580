package events

import (
	"fmt"
	"strings"
)

// Rejection says why an event can never succeed. It is an error.
type Rejection struct {
	Code   RejectCode
	Reason string
	Errors []FieldError
}

func (r *Rejection) Error() string { return r.Reason }

// FieldError is one thing wrong with an event, in plain words.
type FieldError struct {
	Path string `json:"path"` // dots and brackets: entities[1]; empty for the event as a whole
	Got  string `json:"got"`
	Want string `json:"want"`
}

func (e FieldError) String() string {
	text := "got " + e.Got + ", want " + e.Want
	if e.Path == "" {
		return text
	}
	return e.Path + ": " + text
}

// What a rejection tells must fit an event, however much is wrong with a command.
const (
	mostErrors  = 20
	longestText = 400 // of one part of one error, in bytes
)

// Reject makes a rejection whose reason is the list of its errors: of the first ones
// where there are many.
func Reject(code RejectCode, errors ...FieldError) *Rejection {
	told := make([]FieldError, min(len(errors), mostErrors))
	reasons := make([]string, len(told))
	for i := range told {
		e := errors[i]
		told[i] = FieldError{shorten(e.Path), shorten(e.Got), shorten(e.Want)}
		reasons[i] = told[i].String()
	}
	reason := strings.Join(reasons, "; ")
	if more := len(errors) - len(told); more > 0 {
		reason += fmt.Sprintf("; and %d more", more)
	}
	return &Rejection{Code: code, Reason: reason, Errors: told}
}

func shorten(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
