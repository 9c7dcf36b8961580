package servicetitan

// firstKey returns the first key of the object at an index, "" if it has none.
func firstKey(body []byte, at int) string {
	if at >= len(body) || body[at] != '{' {
		return ""
	}
	at = skipSpace(body, at+1)
	if at >= len(body) || body[at] != '"' {
		return ""
	}
	return string(body[at:min(stringEnd(body, at)+1, len(body))])
}

func skipSpace(body []byte, at int) int {
	for at < len(body) && (body[at] == ' ' || body[at] == '\t' || body[at] == '\r' || body[at] == '\n') {
		at++
	}
	return at
}

// valueEnd returns the index after the value at an index, found by brackets and quotes
// alone. It is not ok if they do not close, or close in the wrong order.
func valueEnd(body []byte, at int) (end int, ok bool) {
	var open []byte
	for i := at; i < len(body); i++ {
		switch c := body[i]; c {
		case '{':
			open = append(open, '}')
		case '[':
			open = append(open, ']')
		case '"':
			i = stringEnd(body, i)
		case '}', ']':
			if len(open) == 0 {
				return i, true // of what surrounds it
			}
			if open[len(open)-1] != c {
				return i, false
			}
			open = open[:len(open)-1]
		case ',':
			if len(open) == 0 {
				return i, true
			}
			continue
		default:
			continue
		}
		if len(open) == 0 && i < len(body) {
			return i + 1, true
		}
	}
	return len(body), false
}

// deeperThan reports whether body is nested deeper than limit levels.
func deeperThan(body []byte, limit int) bool {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			i = stringEnd(body, i)
		}
	}
	return false
}

// stringEnd returns the index of the quote that closes the string opened at i, or at least
// len(body) if there is none.
func stringEnd(body []byte, i int) int {
	for i++; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i
}
