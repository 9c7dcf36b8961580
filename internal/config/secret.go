package config

import (
	"fmt"
	"io"
)

// Secret is a value that prints as *** everywhere: in every fmt verb, in JSON and in logs.
// Convert it to string to use it.
type Secret string

const mask = "***"

// Format implements fmt.Formatter. It writes *** for every verb, %d and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns ***, or "" when the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// MarshalText implements encoding.TextMarshaler, which JSON and zerolog use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
