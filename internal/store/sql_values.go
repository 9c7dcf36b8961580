package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// tenantNumber is a tenant ID as the tables hold it.
func tenantNumber(tenant string) (int64, error) {
	n, err := strconv.ParseInt(tenant, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("tenant %q: want a number, as ServiceTitan's tenant IDs are", tenant)
	}
	return n, nil
}

func tenantText(n int64) string { return strconv.FormatInt(n, 10) }

// text is s as PostgreSQL can hold it: valid UTF-8 without NUL.
func text(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// texts are several as PostgreSQL can hold them.
func texts(all []string) []string {
	held := make([]string, len(all))
	for i, s := range all {
		held[i] = text(s)
	}
	return held
}

// document is v as a jsonb parameter, nil for a nil pointer. It is text: bytes are bytea to
// the execution modes of pgx that do not ask the server for the types of parameters.
// jsonb holds no NUL: its escape becomes that of U+FFFD.
func document(v any) (*string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if string(raw) == "null" {
		return nil, nil
	}
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if string(raw[i+1:i+6]) == "u0000" {
			copy(raw[i+2:], "fffd")
		}
		i++ // the escaped character begins no escape itself
	}
	doc := string(raw)
	return &doc, nil
}

// optional is t as a parameter, NULL when zero.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// instant is the time behind a pointer that a NULL leaves nil.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
