package servicetitan

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// messages lists the messages of a log that are not of level debug.
func messages(log string) (list []string) {
	for line := range strings.Lines(log) {
		if _, after, found := strings.Cut(line, `"message":"`); found {
			message, _, _ := strings.Cut(after, `"`)
			list = append(list, message)
		}
	}
	return list
}

func TestOutagesAndThrottlingAreLoggedWhenTheyBeginAndEnd(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	api := newFakeAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		if s := int(status.Load()); s != http.StatusOK {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(s)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(emptyExport))
	})
	var log bytes.Buffer
	c := New(Options{
		APIURL: api.URL, AuthURL: api.URL, RequestsPerSecond: 1000, Logger: zerolog.New(&log).Level(zerolog.InfoLevel),
		Tenants: map[events.TenantID]Credentials{testTenant: {ClientID: "c", ClientSecret: clientSecret, AppKey: appKey}},
	})
	customers, _ := entity.Find("customers")
	call := func(s, times int) {
		t.Helper()
		status.Store(int64(s))
		for range times {
			_, err := c.Page(t.Context(), testTenant, customers, customers.Start(), true)
			require.Equal(t, s != http.StatusOK, err != nil, "%v", err)
		}
	}
	call(200, 2)
	call(503, 2)
	call(200, 1)
	require.Empty(t, messages(log.String()), "two failures are no outage")
	call(503, 5)
	call(200, 2)
	require.Equal(t, []string{"ServiceTitan unavailable, retrying", "ServiceTitan available again"}, messages(log.String()))
	log.Reset()
	call(429, 2)
	call(200, 2)
	require.Equal(t, []string{"ServiceTitan throttles calls, waiting", "ServiceTitan no longer throttles calls"}, messages(log.String()))
}
