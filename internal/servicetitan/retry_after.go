package servicetitan

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// maxWait caps the wait that a server may ask for. The API counts its limits by the second
// and by the minute.
const maxWait = 120 * time.Second

// retryAfter returns the wait that the server asks for, at most maxWait, 0 if there is none.
// ServiceTitan has been observed to put the wait into the title of a 429 instead of the
// header.
func (a response) retryAfter(inTitle bool) time.Duration {
	header := strings.TrimSpace(a.header.Get("Retry-After"))
	if wait := seconds(header); wait > 0 {
		return wait
	}
	if at, err := http.ParseTime(header); err == nil && at.After(a.date) {
		return min(at.Sub(a.date), maxWait) // both by the server's clock
	}
	if inTitle {
		return titleWait(gjson.GetBytes(a.body, "title").String())
	}
	return 0
}

var (
	titleSeconds = regexp.MustCompile(`(?i)(\d+)\s*s(ec|\b)`)
	titleMinutes = regexp.MustCompile(`(?i)(\d+)\s*m(in|\b)`)
	titleNumber  = regexp.MustCompile(`(\d+)\D*$`)
)

// titleWait finds the wait in a sentence such as "Rate limit is exceeded. Try again in 50
// seconds.". A number without a unit counts as seconds.
func titleWait(title string) time.Duration {
	if m := titleSeconds.FindStringSubmatch(title); m != nil {
		return seconds(m[1])
	}
	if m := titleMinutes.FindStringSubmatch(title); m != nil {
		return min(60*seconds(m[1]), maxWait)
	}
	if m := titleNumber.FindStringSubmatch(title); m != nil {
		return seconds(m[1])
	}
	return 0
}

// seconds parses a number of seconds, at most maxWait, 0 if it is invalid.
func seconds(text string) time.Duration {
	n, _ := strconv.ParseFloat(text, 64) // 0 for what is no number, infinity for one too large
	if n > 0 {
		return time.Duration(min(n, maxWait.Seconds()) * float64(time.Second))
	}
	return 0
}
