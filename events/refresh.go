package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A refresh is an incremental request with ids or since: it reads those records of one entity and
// nothing else.

// maxIDLength is the maximum length of an id that is a text. GUIDs have 36 characters.
const maxIDLength = 100

// MaxRefreshIDs is the maximum number of ids in a request, as in its schema.
const MaxRefreshIDs = 500

// maxSinceAhead is how far the clock of the program that sends a request may be ahead.
const maxSinceAhead = time.Minute

// RecordID is the id of a record in ServiceTitan. In JSON it may be a number or a string; it is
// written as a string, because some programs round large numbers.
type RecordID string

// UnmarshalJSON reads a number or a string.
func (id *RecordID) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*id = RecordID(text)
		return nil
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil {
		return errors.New("an id is neither a number nor a string")
	}
	*id = RecordID(number)
	return nil
}

// IsRefresh reports whether the request reads chosen records.
func (d RequestData) IsRefresh() bool { return len(d.IDs) > 0 || d.Since != nil }

// Refreshable says which refreshes of an entity are possible.
type Refreshable struct {
	NoIDs   string // why it cannot be read by ids, and what to request instead; "" if it can
	NoSince string // the same for since
	Numeric bool   // its ids are integers
}

// problems returns what is wrong with the ids and since of a request for an entity.
func (r Refreshable) problems(entity string, data RequestData) []FieldError {
	switch {
	case len(data.IDs) > 0 && r.NoIDs != "":
		return []FieldError{{"ids", "ids of " + entity, r.NoIDs}}
	case data.Since != nil && r.NoSince != "":
		return []FieldError{{"since", "since of " + entity, r.NoSince}}
	}
	var wrong []FieldError
	want := fmt.Sprintf("an id of %s: at most %d characters, no spaces, commas or control characters", entity, maxIDLength)
	if r.Numeric {
		want = fmt.Sprintf("an id of %s: an integer from 1 to %d", entity, int64(maxNumericID))
	}
	for i, id := range data.IDs {
		if !r.Accepts(id) {
			wrong = append(wrong, FieldError{fmt.Sprintf("ids[%d]", i), quote(string(id)), want})
		}
	}
	return wrong
}

// Accepts reports whether the entity can be read by ids, and whether the id is one that its records may have.
func (r Refreshable) Accepts(id RecordID) bool {
	return r.NoIDs == "" && id != "" && len(id) <= maxIDLength && (r.Numeric && id.IsNumeric() || !r.Numeric && !strings.ContainsFunc(string(id), isNotInID))
}

const maxNumericID = 1<<63 - 1

// IsNumeric reports whether the id is a number as ServiceTitan writes it: an integer from 1 to 2^63-1,
// without sign and leading zeros.
func (id RecordID) IsNumeric() bool {
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == string(id)
}

// isNotInID reports whether a character would break the list of ids in a URL, or is in no id.
func isNotInID(r rune) bool {
	return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
}

// refresh returns what is wrong with a request for a refresh. Its schema and its entity are valid.
func (v Validator) refresh(data RequestData) []FieldError {
	if !data.IsRefresh() || len(data.Entities) != 1 {
		return nil
	}
	r, known := v.Refreshes[data.Entities[0]]
	if !known {
		return nil
	}
	if problems := r.problems(data.Entities[0], data); len(problems) > 0 {
		return problems
	}
	if data.Since != nil {
		return v.since(*data.Since)
	}
	return nil
}

// since returns what is wrong with the time of a refresh.
func (v Validator) since(t time.Time) []FieldError {
	got := quote(t.Format(time.RFC3339))
	if year := t.UTC().Year(); year < 1 || year > 9999 { // PostgreSQL and JSON have no such time
		return []FieldError{{"since", got, "a time in the years 1 to 9999, in UTC"}}
	}
	if !v.Now.IsZero() && t.After(v.Now.Add(maxSinceAhead)) {
		return []FieldError{{"since", got, "a time that is not in the future: it is " + v.Now.UTC().Format(time.RFC3339)}}
	}
	return nil
}

// SplitIDs splits the values of a command line into ids: separated by commas, each once.
func SplitIDs(values []string) ([]RecordID, error) {
	var ids []RecordID
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		id := RecordID(strings.TrimSpace(part))
		if id == "" {
			return nil, fmt.Errorf("got %q with an empty id, want ids of records separated by commas", strings.Join(values, ","))
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
