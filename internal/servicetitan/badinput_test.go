package servicetitan

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/badinput"
)

func TestBadResponses(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/bad-responses.txt", func(t *testing.T, input string) string {
		head, body, _ := strings.Cut(input, "\n--\n")
		line, headers, _ := strings.Cut(head, "\n")
		status, err := strconv.Atoi(line)
		require.NoError(t, err)
		api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
			for one := range strings.SplitSeq(headers, "\n") {
				if name, value, ok := strings.Cut(one, ": "); ok {
					w.Header().Set(name, value)
				}
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
		failure := pageError(t, api.client())
		require.NotContains(t, failure.Error(), "token-1", "a token")
		retry := "not retried"
		switch wait := failure.RetryAfter(); {
		case failure.Permanent() && failure.Unexpected() && !failure.FromAPI():
			retry = "retried for some minutes"
		case failure.Permanent():
		case wait > 0:
			retry = "retried after " + wait.String()
		default:
			retry = "retried"
		}
		return fmt.Sprintf("%s: %s\n%s", failure.Type(), strings.ReplaceAll(failure.Error(), api.URL, "https://api"), retry)
	})
}

func TestBadRecords(t *testing.T) {
	t.Parallel()
	badinput.Check(t, "testdata/bad-records.txt", func(t *testing.T, input string) string {
		page := decode(t, customers(t), input+`,{"id":4711}`)
		require.Len(t, page.Records, 1)
		require.Len(t, page.Rejected, 1)
		require.Equal(t, "4711", page.Records[0].ID, "the rest of the page is stored")
		require.Equal(t, input, string(page.Rejected[0].Raw))
		return page.Rejected[0].Reason
	})
}
