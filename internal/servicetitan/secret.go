package servicetitan

import (
	"fmt"
	"io"
	"strings"
)

// Secret is a string that is never displayed: printed, logged or encoded it is ***. Convert
// it to string to use it.
type Secret string

const masked = "***"

// Format prints *** for every verb, %d and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns ***, or "" if the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// MarshalText makes JSON and zerolog print ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// mask replaces secrets in text from outside, because a server may echo what it received.
func mask(text string, secrets ...Secret) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, string(s), masked)
		}
	}
	return text
}
