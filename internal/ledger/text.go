package ledger

import (
	"strings"
	"unicode/utf8"
)

// Text returns s as the ledger stores it: without what PostgreSQL cannot store. Invalid UTF-8 and zero
// bytes become U+FFFD.
func Text(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
