package servicetitan

import (
	"fmt"
	"io"
	"strings"
)

// Secret is a value that never shows: however it is printed, logged or encoded
// it reads ***. Convert it to string to use it.
type Secret string

const masked = "***"

// Format prints *** for every verb, %d and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns ***, or nothing where there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// MarshalText serves JSON and zerolog alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// mask replaces every secret in text that came from outside: a server may
// repeat in its answer what it was sent.
func mask(text string, secrets ...Secret) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, string(s), masked)
		}
	}
	return text
}
