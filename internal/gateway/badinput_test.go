package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/testing/badinput"
)

func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	badinput.Check(t, "testdata/bad-requests.txt", func(t *testing.T, input string) string {
		line, header, body := badinput.Message(input)
		method, path, _ := strings.Cut(line, " ")
		var headers []string
		for name, values := range header {
			if name == "Signature" {
				name, values = defaultSignatureHeader, []string{hexOf(testKey, body)}
			}
			for _, value := range values {
				headers = append(headers, name, value)
			}
		}
		got := s.send(method, path, body, headers...)
		got.isProblem(t, got.status, "")
		require.Equal(t, got.status == http.StatusMethodNotAllowed, got.header.Get("Allow") == http.MethodPost)
		require.Empty(t, s.fakeStream.events(), "nothing is requested")
		return fmt.Sprintf("%d %s", got.status, got.json(t)["detail"])
	})
}
