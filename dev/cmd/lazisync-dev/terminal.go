package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// terminalLog prints warnings and errors in a short form, the same text at most once a
// minute.
type terminalLog struct {
	out io.Writer

	mu      sync.Mutex
	quiet   bool
	printed map[string]time.Time
}

const repeatInterval = time.Minute

// temporalErrorField is the field of an error in the log of Temporal's client.
const temporalErrorField = "Error"

func (t *terminalLog) set(quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quiet = quiet
}

func (t *terminalLog) Write(line []byte) (int, error) { return len(line), nil }

// WriteLevel implements zerolog.LevelWriter.
func (t *terminalLog) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	if level < zerolog.WarnLevel || level == zerolog.NoLevel {
		return len(line), nil
	}
	var entry map[string]any
	if err := json.Unmarshal(line, &entry); err != nil {
		return len(line), nil // only in the file
	}
	text := fmt.Sprint(entry[zerolog.MessageFieldName])
	for _, field := range []string{zerolog.ErrorFieldName, temporalErrorField} {
		if cause, ok := entry[field]; ok {
			text += ": " + fmt.Sprint(cause)
		}
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quiet || now.Sub(t.printed[text]) < repeatInterval {
		return len(line), nil
	}
	t.printed[text] = now
	fmt.Fprintf(t.out, "%s  %s: %s\n", now.Format(time.TimeOnly), level, text)
	return len(line), nil
}

// thousands formats 12345 as 12,345.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// arg0 returns the name by which this program was called.
func arg0() string { return os.Args[0] }
