package entity

import "fmt"

// Names of constants, for display and JSON.

func (k Key) String() string     { return nameOf(k, "bigint", "text") }
func (m Meaning) String() string { return nameOf(m, "deactivated", "deleted") }
func (s Shape) String() string   { return nameOf(s, "pages", "data", "array") }
func (t Totals) String() string  { return nameOf(t, "on asking", "always", "never") }

// MarshalText makes JSON of it.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText makes JSON of it.
func (m Meaning) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// MarshalText makes JSON of it.
func (s Shape) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText makes JSON of it.
func (t Totals) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func nameOf[T ~int](value T, names ...string) string {
	if value >= 0 && int(value) < len(names) {
		return names[value]
	}
	return fmt.Sprintf("%T(%d)", value, int(value))
}
