package deploytest

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/natsserver"
	"github.com/lazi/lazisync/dev/ports"
)

// The command of docs/operations.md gives the users of a leaf node the permissions for the streams of
// the domain hub.
func TestNATSPermissionsOfADomain(t *testing.T) {
	t.Parallel()
	options := optionsOfDomain(t)
	for user := range rounds {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			subject, err := refusalOf(t.Context(), startLeaf(t, options.Clone()), user, "hub")
			require.NoError(t, err, subject)
			require.Empty(t, subject)
		})
	}
	t.Run("without the command", func(t *testing.T) {
		t.Parallel()
		subject, _ := refusalOf(t.Context(), startLeaf(t, natsOptions(t)), "notifier", "hub")
		require.Contains(t, subject, "$JS.hub.API.")
	})
}

// optionsOfDomain are those of the configuration that the command of the page writes.
func optionsOfDomain(t *testing.T) *natsd.Options {
	t.Helper()
	_, section, found := strings.Cut(read(t, "docs", "operations.md"), "**Domains.**")
	require.True(t, found)
	_, section, _ = strings.Cut(section, "```sh\n")
	command, _, _ := strings.Cut(section, "```")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deploy"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy", "nats.conf"), []byte(read(t, "deploy", "nats.conf")), 0o600))
	sh := exec.CommandContext(t.Context(), "sh", "-euc", command)
	sh.Dir = dir
	out, err := sh.CombinedOutput()
	require.NoError(t, err, string(out))
	options, err := natsd.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	require.NoError(t, err)
	return options
}

// startLeaf starts a server with JetStream in the domain hub, and a leaf node with the given users and
// root, which has no JetStream.
func startLeaf(t *testing.T, options *natsd.Options) *natsd.Server {
	t.Helper()
	free, err := ports.Free(1)
	require.NoError(t, err)
	serveNATS(t, &natsd.Options{
		ServerName: "hub", Host: "127.0.0.1", Port: natsd.RANDOM_PORT, JetStream: true, JetStreamDomain: "hub", StoreDir: t.TempDir(), NoSigs: true,
		LeafNode: natsd.LeafNodeOpts{Host: "127.0.0.1", Port: free[0]},
	})
	at, err := url.Parse("nats://" + ports.Addr(free[0]))
	require.NoError(t, err)
	leaf := serveNATS(t, &natsd.Options{
		ServerName: "leaf", Host: "127.0.0.1", Port: natsd.RANDOM_PORT, NoSigs: true,
		Users:    append(options.Users, &natsd.User{Username: "root", Password: "root"}),
		LeafNode: natsd.LeafNodeOpts{Remotes: []*natsd.RemoteLeafOpts{{URLs: []*url.URL{at}}}},
	})
	require.Eventually(t, func() bool {
		return natsserver.HasDomain(strings.Replace(leaf.ClientURL(), "//", "//root:root@", 1), "hub")
	}, patience, tick)
	return leaf
}
