package servicetitan

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// maxWait caps what a server may ask for: the API's limits are counted by the
// second and by the minute.
const maxWait = 120 * time.Second

// retryAfter is how long the server asks to wait, at most maxWait; 0 where it
// does not say, or says nothing usable. ServiceTitan was seen to put the wait
// into the title of a 429 rather than into the header.
func (a answer) retryAfter(inTitle bool) time.Duration {
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

// titleWait finds the wait in a sentence such as "Rate limit is exceeded. Try
// again in 50 seconds.". A number without a unit is taken for seconds.
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

// seconds reads a number of seconds, at most maxWait; 0 where it is none.
func seconds(text string) time.Duration {
	n, _ := strconv.ParseFloat(text, 64) // 0 for what is no number, infinity for one too large
	if n > 0 {
		return time.Duration(min(n, maxWait.Seconds()) * float64(time.Second))
	}
	return 0
}
