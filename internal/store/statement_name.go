package store

import (
	"runtime"
	"strings"
	"unicode"
)

// helpers are the methods between a caller of the package and its transaction.
var helpers = map[string]bool{"transact": true, "transactWith": true, "read": true, "exec": true, "listRuns": true, "rebuildStep": true, "candidates": true, "prune": true, "eraseStep": true}

// statementName returns the name of the method of Store that begins a transaction, in
// snake_case: it is the same for all values, so that it can label a metric.
func statementName() string {
	var callers [8]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		name := frame.Function[strings.LastIndexByte(frame.Function, '.')+1:]
		if strings.Contains(frame.Function, "store.(*") && !helpers[name] && !isClosure(name) {
			return snakeCase(name)
		}
		if !more {
			return "other"
		}
	}
}

// isClosure reports whether a name is that of a function literal, such as func1.
func isClosure(name string) bool {
	return strings.HasPrefix(name, "func") && len(name) > 4 && unicode.IsDigit(rune(name[4])) || name != "" && unicode.IsDigit(rune(name[0]))
}

// snakeCase converts MissingIDs to missing_ids.
func snakeCase(name string) string {
	var out strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(runes[i-1]) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}
