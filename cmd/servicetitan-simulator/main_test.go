package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServesUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"--addr", "127.0.0.1:0", "--records", "3"}, in, io.Discard) }()
	first, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	addr := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(first)
	require.NotEmpty(t, addr, first)
	response, err := http.Get("http://" + addr + "/_admin/stats")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	cancel()
	require.Zero(t, <-code)
}

func TestRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--records", "-5"}, "servicetitan-simulator: --records: got -5, want an integer of at least 1\n"},
		{[]string{"--records", "0"}, "servicetitan-simulator: --records: got 0, want an integer of at least 1\n"},
		{[]string{"now"}, "servicetitan-simulator: unexpected argument \"now\"\n"},
		{[]string{"--addr", "nowhere"}, "servicetitan-simulator: --addr: listen tcp: address nowhere: missing port in address\n"},
		{[]string{"--fast"}, "flag provided but not defined: -fast\n"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), c.args, &stdout, &stderr), c.args)
		require.Contains(t, stderr.String(), c.want)
		require.Empty(t, stdout.String())
	}
}
