package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/badinput"
)

func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	badinput.Check(t, "testdata/bad-requests.txt", func(t *testing.T, input string) string {
		head, body, _ := strings.Cut(input, "\n--\n")
		line, rest, _ := strings.Cut(head, "\n")
		method, path, _ := strings.Cut(line, " ")
		var headers []string
		for one := range strings.SplitSeq(rest, "\n") {
			name, value, _ := strings.Cut(one, ": ")
			switch {
			case name == "Signature":
				headers = append(headers, defaultSignatureHeader, hexOf(testKey, body))
			case name != "":
				headers = append(headers, name, value)
			}
		}
		got := s.send(method, path, body, headers...)
		require.Equal(t, "application/problem+json", got.header.Get("Content-Type"), got.body)
		require.Empty(t, s.box.events(), "nothing is asked for")
		return fmt.Sprintf("%d %s", got.status, got.json(t)["detail"])
	})
}
