package servicetitan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestSecretIsMasked(t *testing.T) {
	t.Parallel()
	creds := Credentials{ClientID: "cid.1", ClientSecret: clientSecret, AppKey: appKey}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		requireNoSecret(t, fmt.Sprintf(verb, creds))
		requireNoSecret(t, fmt.Sprintf(verb, creds.AppKey))
		requireNoSecret(t, fmt.Sprintf(verb, New(Options{Tenants: map[events.TenantID]Credentials{"1": creds}})))
	}
	text, err := json.Marshal(creds)
	require.NoError(t, err)
	require.JSONEq(t, `{"ClientID":"cid.1","ClientSecret":"***","AppKey":"***"}`, string(text))
	require.Empty(t, Secret("").String(), "no secret is not a secret")

	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Any("creds", creds).Stringer("key", creds.AppKey).Send()
	requireNoSecret(t, log.String())
}

// TestErrorsContainNoSecret causes every error with a server that repeats the request in its
// response.
func TestErrorsContainNoSecret(t *testing.T) {
	t.Parallel()
	echo := func(status int, format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			form, _ := io.ReadAll(r.Body)
			decoded, _ := url.QueryUnescape(string(form))
			sent := fmt.Sprintf("%s %s %s %s", r.Header.Get("Authorization"), r.Header.Get("ST-App-Key"), decoded, form)
			w.Header().Set("Location", "https://"+r.Header.Get("ST-App-Key")+".example.org/?"+r.Header.Get("Authorization"))
			w.WriteHeader(status)
			fmt.Fprintf(w, format, sent)
		}
	}
	var log bytes.Buffer
	for _, format := range []string{"%s", "<html>%s", `{"title":"%s"}`, `{"error":"%s"}`, `{"errors":{"x":["%s"]}}`, `{"hasMore":"%s"}`} {
		for _, status := range []int{200, 206, 301, 302, 400, 401, 403, 404, 409, 429, 500, 503} {
			api := newFakeAPI(t, echo(status, format))
			client := api.client(func(o *Options) { o.Logger = zerolog.New(&log).Level(zerolog.TraceLevel) })
			requireNoSecret(t, everything(pageError(t, client)))

			refused := newFakeAPI(t, respond(200, emptyExport))
			refused.token = echo(status, format)
			requireNoSecret(t, everything(pageError(t, refused.client())))

			api.api = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) } // no response
			if status != 429 {                                                                 // after which the client waits
				requireNoSecret(t, everything(pageError(t, client)))
			}
		}
	}
	require.NotEmpty(t, log.String())
	requireNoSecret(t, log.String())
}

func everything(err *Error) string {
	text := fmt.Sprintf("%v %+v %#v %v", err, err, err, err.Unwrap())
	encoded, _ := json.Marshal(err)
	return text + string(encoded)
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{clientSecret, url.QueryEscape(clientSecret), appKey, "token-1", "token-2"} {
		require.NotContains(t, text, secret)
		require.NotContains(t, text, fmt.Sprintf("%x", secret))
	}
}
