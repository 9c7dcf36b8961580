package events

import (
	"fmt"
	"strings"

	"github.com/lazi/lazisync/internal/display"
)

// Rejection is the error of an event that can never succeed.
type Rejection struct {
	Code   RejectCode
	Reason string
	Errors []FieldError
}

func (r *Rejection) Error() string { return r.Reason }

// FieldError is an error in one field of an event.
type FieldError struct {
	Path string `json:"path"` // with dots and brackets: entities[1]; empty for the whole event
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

// A rejection must fit into one event, however many errors a command has.
const (
	maxErrors    = 20
	maxErrorText = 400 // bytes of one field of a FieldError
)

// Reject returns a rejection whose reason lists its errors. It keeps the first 20 and
// counts the rest.
func Reject(code RejectCode, errors ...FieldError) *Rejection {
	kept := make([]FieldError, min(len(errors), maxErrors))
	reasons := make([]string, len(kept))
	for i := range kept {
		e := errors[i]
		kept[i] = FieldError{display.Truncate(e.Path, maxErrorText), display.Truncate(e.Got, maxErrorText), display.Truncate(e.Want, maxErrorText)}
		reasons[i] = kept[i].String()
	}
	reason := strings.Join(reasons, "; ")
	if more := len(errors) - len(kept); more > 0 {
		reason += fmt.Sprintf("; and %d more", more)
	}
	return &Rejection{Code: code, Reason: reason, Errors: kept}
}
