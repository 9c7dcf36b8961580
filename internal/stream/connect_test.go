package stream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectRejectsInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"no URL":        {Options{}, "NATS URL number 1 is invalid, want nats://host:port"},
		"second URL":    {Options{URL: "nats://a:4222,nats://"}, "NATS URL number 2 is invalid, want nats://host:port"},
		"with password": {Options{URL: "nats://u:pass word@a:4222"}, "NATS URL number 1 is invalid, want nats://host:port"},
		"bad port":      {Options{URL: "nats://u:secret@a:x"}, "NATS URL number 1 is invalid, want nats://host:port"},
		"no creds":      {Options{URL: "nats://127.0.0.1:1", Creds: "/no/such.creds"}, "NATS credentials: stat /no/such.creds: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Connect(c.options)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a  b c", oneLine("a\r\nb\x00c"))
	require.Equal(t, "a\uFFFD", oneLine("a\xff"))
	long := oneLine(strings.Repeat("é", 2000))
	require.LessOrEqual(t, len(long), 1030)
	require.True(t, strings.HasSuffix(long, "é…"))
}
