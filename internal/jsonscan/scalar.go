package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

func (s *Scanner) literal(at int, text string) (end int) {
	if end = at + len(text); end > len(s.Data) || string(s.Data[at:end]) != text {
		return -1
	}
	return end
}

func (s *Scanner) number(at int) (end int) {
	if s.Is(at, '-') {
		at++
	}
	if s.Is(at, '0') {
		at++
	} else if at = s.digits(at); at < 0 {
		return -1
	}
	if s.Is(at, '.') {
		if at = s.digits(at + 1); at < 0 {
			return -1
		}
	}
	if s.Is(at, 'e') || s.Is(at, 'E') {
		if at++; s.Is(at, '+') || s.Is(at, '-') {
			at++
		}
		return s.digits(at)
	}
	return at
}

// digits scans at least one digit.
func (s *Scanner) digits(at int) (end int) {
	for end = at; end < len(s.Data) && s.Data[end]-'0' <= 9; end++ {
	}
	if end == at {
		return -1
	}
	return end
}

func (s *Scanner) string(at int) (end int) {
	if !s.Is(at, '"') {
		return -1
	}
	for at++; ; {
		at = s.plain(at)
		if at >= len(s.Data) {
			return -1
		}
		switch c := s.Data[at]; {
		case c == '"':
			return at + 1
		case c == '\\':
			s.Escapes = true
			if at = s.escape(at + 1); at < 0 {
				return -1
			}
		case c < ' ':
			return -1
		default:
			s.NonASCII = true
			for at < len(s.Data) && s.Data[at] >= 0x80 {
				at++
			}
		}
	}
}

// plain returns the index of the next byte of a string that is not an ordinary ASCII character. It
// compares eight bytes at a time.
func (s *Scanner) plain(at int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for at+8 <= len(s.Data) {
		eight := binary.LittleEndian.Uint64(s.Data[at:])
		quotes, escapes := eight^(ones*'"'), eight^(ones*'\\')
		// The lowest bit that is set is that of the first such byte.
		special := (eight | (eight-ones*' ')&^eight | (quotes-ones)&^quotes | (escapes-ones)&^escapes) & highs
		if special != 0 {
			return at + bits.TrailingZeros64(special)/8
		}
		at += 8
	}
	for at < len(s.Data) && s.Data[at] >= ' ' && s.Data[at] < 0x80 && s.Data[at] != '"' && s.Data[at] != '\\' {
		at++
	}
	return at
}

// escape scans an escape behind its backslash.
func (s *Scanner) escape(at int) (end int) {
	if at >= len(s.Data) {
		return -1
	}
	switch s.Data[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1
	case 'u':
		if at+5 > len(s.Data) {
			return -1
		}
		for _, c := range s.Data[at+1 : at+5] {
			if c-'0' > 9 && c|0x20-'a' > 5 {
				return -1
			}
		}
		return at + 5
	}
	return -1
}
