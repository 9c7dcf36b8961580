package events

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

// TenantID is the ID of a ServiceTitan tenant, a positive number without sign and leading zeros, so
// that IDs can be compared as text. ParseTenantID creates one from input. "" means no tenant or all
// tenants, as the user of the value says.
//
// In JSON it is a string, and in SQL a bigint, NULL for "".
type TenantID string

const wantTenantID = "the number of a ServiceTitan tenant, digits only"

// ParseTenantID parses a tenant ID. The error has the form "got …, want …".
func ParseTenantID(text string) (TenantID, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		return "", fmt.Errorf("got %q, want %s", text, wantTenantID)
	}
	return TenantID(text), nil
}

func (t TenantID) String() string { return string(t) }

// Value implements driver.Valuer.
func (t TenantID) Value() (driver.Value, error) {
	if t == "" {
		return nil, nil //nolint:nilnil // NULL
	}
	if _, err := ParseTenantID(string(t)); err != nil {
		return nil, fmt.Errorf("tenant ID: %w", err)
	}
	return strconv.ParseInt(string(t), 10, 64)
}

// Scan implements sql.Scanner.
func (t *TenantID) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*t = ""
	case int64:
		*t = TenantID(strconv.FormatInt(v, 10))
	default:
		return fmt.Errorf("tenant ID: got %T, want an integer", value)
	}
	return nil
}

func joinTenantIDs(ids []TenantID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}
