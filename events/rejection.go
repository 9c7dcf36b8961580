package events

import "strings"

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

// Reject makes a rejection whose reason is the list of its errors.
func Reject(code RejectCode, errors ...FieldError) *Rejection {
	reasons := make([]string, len(errors))
	for i, e := range errors {
		reasons[i] = e.String()
	}
	return &Rejection{Code: code, Reason: strings.Join(reasons, "; "), Errors: errors}
}
