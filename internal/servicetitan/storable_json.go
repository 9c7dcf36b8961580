package servicetitan

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

const replacement = `\ufffd` // as long as the escapes it replaces

// storableJSON replaces what jsonb cannot store by U+FFFD: the escape \u0000, half a
// surrogate pair, bytes that are not UTF-8. All other bytes stay. If nothing is replaced, it
// returns raw itself.
func storableJSON(raw []byte) (clean []byte, replaced bool) {
	if !utf8.Valid(raw) {
		raw, replaced = bytes.ToValidUTF8(raw, []byte("\uFFFD")), true
	}
	bad := badEscapes(raw)
	if len(bad) == 0 {
		return raw, replaced
	}
	if !replaced {
		raw = bytes.Clone(raw)
	}
	for _, at := range bad {
		copy(raw[at:], replacement)
	}
	return raw, true
}

// badEscapes returns the indexes of the escapes that jsonb cannot store.
func badEscapes(raw []byte) (at []int) {
	for i := nextEscape(raw, 0); i >= 0; {
		first, ok := codeUnit(raw, i)
		if !ok { // a short escape such as \n or \\
			i = nextEscape(raw, i+2)
			continue
		}
		after := i + len(replacement)
		switch {
		case isHigh(first):
			if second, ok := codeUnit(raw, after); ok && isLow(second) {
				after += len(replacement)
			} else {
				at = append(at, i)
			}
		case first == 0 || isLow(first):
			at = append(at, i)
		}
		i = nextEscape(raw, after)
	}
	return at
}

// nextEscape returns the index of the next backslash from i, or -1.
func nextEscape(raw []byte, i int) int {
	if i >= len(raw) {
		return -1
	}
	if next := bytes.IndexByte(raw[i:], '\\'); next >= 0 {
		return i + next
	}
	return -1
}

// codeUnit reads the escape \uXXXX at i.
func codeUnit(raw []byte, i int) (unit uint64, ok bool) {
	if i+len(replacement) > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
	return unit, err == nil
}

func isHigh(unit uint64) bool { return unit >= 0xd800 && unit < 0xdc00 }
func isLow(unit uint64) bool  { return unit >= 0xdc00 && unit < 0xe000 }
