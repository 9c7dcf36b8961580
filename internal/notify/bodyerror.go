package notify

import (
	"encoding/json"
	"regexp"
	"strings"
)

var (
	// errorWord matches errors of Slack: no_text, invalid_blocks.
	errorWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)
	// errorText matches errors of other receivers.
	errorText = regexp.MustCompile(`(?i)^error\b|\bfailed with error\b`)
	// retryableError matches errors that a retry may fix.
	retryableError = regexp.MustCompile(`(?i)rate_?limit|too_many_requests|internal_error|fatal_error|timeout|time_out|unavailable|try_again`)
)

// checkBody returns the error in the body of a response with a status of success, "" if there
// is none. Any error may mean that the receiver does not understand the form of the message.
func checkBody(body string) (text string, rejectsForm bool) { return errorIn(body), true }

// errorIn returns the error in a body. Slack and many receivers that are compatible with it
// respond so.
func errorIn(body string) string {
	var doc struct {
		OK      *bool           `json:"ok"`
		Success *bool           `json:"success"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal([]byte(body), &doc) == nil {
		text := strings.Trim(string(doc.Error), `"`)
		hasError := text != "" && text != "null" && text != "false"
		switch isFailure := doc.OK != nil && !*doc.OK || doc.Success != nil && !*doc.Success; {
		case hasError:
			return text
		case isFailure:
			return "not ok"
		}
		return ""
	}
	if errorWord.MatchString(body) || errorText.MatchString(body) {
		return body
	}
	return ""
}
