package deploytest

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/testcerts"
	"github.com/lazi/lazisync/internal/app"
	"github.com/lazi/lazisync/internal/stream"
)

// identity is a key pair of NATS with its public name.
func identity(t *testing.T, make func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
	t.Helper()
	pair, err := make()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	return pair, public
}

// startSecuredNATS runs a server without passwords: it requires a client certificate, and
// identifies users by credentials that their account signed. It returns the credentials of a user
// with the permissions of the notifier, and of one with all permissions.
func startSecuredNATS(t *testing.T, certs *testcerts.Set, notifier *natsd.Permissions) (url, notifierCreds, adminCreds string) {
	t.Helper()
	operator, operatorName := identity(t, nkeys.CreateOperator)
	_, systemName := identity(t, nkeys.CreateAccount)
	account, accountName := identity(t, nkeys.CreateAccount)
	resolver := &natsd.MemAccResolver{}
	for _, name := range []string{systemName, accountName} {
		claims := jwt.NewAccountClaims(name)
		if name == accountName {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		signed, err := claims.Encode(operator)
		require.NoError(t, err)
		require.NoError(t, resolver.Store(name, signed))
	}
	creds := func(allowed *natsd.Permissions) string {
		user, name := identity(t, nkeys.CreateUser)
		claims := jwt.NewUserClaims(name)
		if allowed != nil {
			claims.Pub.Allow.Add(allowed.Publish.Allow...)
			claims.Sub.Allow.Add(allowed.Subscribe.Allow...)
		}
		signed, err := claims.Encode(account)
		require.NoError(t, err)
		seed, err := user.Seed()
		require.NoError(t, err)
		text, err := jwt.FormatUserConfig(signed, seed)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "user.creds")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	own, err := tls.LoadX509KeyPair(certs.ServerCert, certs.ServerKey)
	require.NoError(t, err)
	pem, err := os.ReadFile(certs.CA)
	require.NoError(t, err)
	known := x509.NewCertPool()
	require.True(t, known.AppendCertsFromPEM(pem))
	server := serveNATS(t, &natsd.Options{
		Host: "127.0.0.1", Port: natsd.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true,
		TrustedKeys: []string{operatorName}, AccountResolver: resolver, SystemAccount: systemName,
		TLS: true, TLSVerify: true, TLSTimeout: patience.Seconds(), AuthTimeout: patience.Seconds(),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: known, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12},
	})
	return "tls://" + server.Addr().String(), creds(notifier), creds(nil)
}

func TestNATSOverTLSWithCredentials(t *testing.T) {
	t.Parallel()
	permissions := permissionsOf(t, natsOptions(t), "notifier")
	certs, err := testcerts.New(t.TempDir(), "notifier")
	require.NoError(t, err)
	url, notifierCreds, adminCreds := startSecuredNATS(t, certs, permissions)
	environ := func(creds string) []string {
		return []string{
			"NATS_URL=" + url, "NATS_CREDS=" + creds, "NATS_TLS_CA=" + certs.CA, "NATS_TLS_CERT=" + certs.ClientCert, "NATS_TLS_KEY=" + certs.ClientKey,
			"NATS_INBOX_PREFIX=_INBOX_notifier",
		}
	}
	pair, err := tls.LoadX509KeyPair(certs.ClientCert, certs.ClientKey)
	require.NoError(t, err)
	pem, err := os.ReadFile(certs.CA)
	require.NoError(t, err)
	known := x509.NewCertPool()
	require.True(t, known.AppendCertsFromPEM(pem))
	admin, err := stream.Connect(stream.Options{
		URL: url, Creds: adminCreds, Logger: zerolog.Nop(), TLS: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: known, MinVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	defer admin.Close()
	require.Eventually(t, func() bool { _, err := admin.Declare(t.Context()); return err == nil }, patience, tick)

	notifier := startRole(t, "notifier", environ(notifierCreds)...)
	require.Eventually(t, func() bool { _, err := healthcheck(t, notifier.admin); return err == nil }, patience, tick, "it is ready")

	others, err := testcerts.New(t.TempDir(), "notifier")
	require.NoError(t, err)
	for complaint, set := range map[string]string{
		"certificate signed by unknown authority": "NATS_TLS_CA=" + others.CA,
		// The server's alert, or the broken connection if the client writes before it reads the alert.
		"remote error: tls|closed by remote after TLS": "NATS_TLS_CERT=" + others.ClientCert + "\nNATS_TLS_KEY=" + others.ClientKey,
		"Authorization Violation":                      "NATS_CREDS=",
	} {
		wrong := append(environ(notifierCreds), strings.Split(set, "\n")...)
		role := startRole(t, "notifier", wrong...)
		require.Eventually(t, func() bool { return regexp.MustCompile("(?i)" + complaint).MatchString(role.Log.String()) }, patience, tick, "%s", role.Log)
		_, err := healthcheck(t, role.admin)
		require.Error(t, err)
	}
	_, err = app.Load([]string{"NATS_CREDS=/no/such.creds"}, app.NotifierRole)
	require.ErrorContains(t, err, `NATS_CREDS: got "/no/such.creds", want the path of a file that exists`)
}
