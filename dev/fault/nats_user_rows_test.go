//go:build fault

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/dev/process"
)

// operator signs the account and the users of a NATS server, and revokes users.
type operator struct {
	operator, account, system nkeys.KeyPair
	claims                    *jwt.AccountClaims // of the account
	signed                    string             // the operator itself, which never changes
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{}
	var err error
	o.operator, err = nkeys.CreateOperator()
	require.NoError(t, err)
	o.account, err = nkeys.CreateAccount()
	require.NoError(t, err)
	o.system, err = nkeys.CreateAccount()
	require.NoError(t, err)
	o.signed, err = jwt.NewOperatorClaims(public(t, o.operator)).Encode(o.operator)
	require.NoError(t, err)
	o.claims = jwt.NewAccountClaims(public(t, o.account))
	o.claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	return o
}

func public(t *testing.T, key nkeys.KeyPair) string {
	t.Helper()
	text, err := key.PublicKey()
	require.NoError(t, err)
	return text
}

// config returns the configuration of a server that accepts the users of the operator.
func (o *operator) config(t *testing.T) string {
	t.Helper()
	account, err := o.claims.Encode(o.operator)
	require.NoError(t, err)
	system, err := jwt.NewAccountClaims(public(t, o.system)).Encode(o.operator)
	require.NoError(t, err)
	return fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload { %s: %s, %s: %s }",
		o.signed, public(t, o.system), public(t, o.system), system, public(t, o.account), account)
}

// sign makes a user and writes its credentials to a file, in one step.
func (o *operator) sign(t *testing.T, path string) (user string, seed []byte) {
	t.Helper()
	key, err := nkeys.CreateUser()
	require.NoError(t, err)
	user = public(t, key)
	signed, err := jwt.NewUserClaims(user).Encode(o.account)
	require.NoError(t, err)
	seed, err = key.Seed()
	require.NoError(t, err)
	text, err := jwt.FormatUserConfig(signed, seed)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".new", text, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	return user, seed
}

// Credentials are revoked by mistake and restored; then they are revoked permanently, and their
// file has new ones. No role is restarted.
func TestFault12NATSCredentialsRevokedAndRotated(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	dir := t.TempDir()
	own, creds := filepath.Join(dir, "rig.creds"), filepath.Join(dir, "lazisync.creds")
	o.sign(t, own)
	user, seed := o.sign(t, creds)
	r := newRig(t, options{
		natsUsers: func() string { return o.config(t) }, natsCreds: own, environ: []string{"NATS_CREDS=" + creds},
	})
	r.startAll(t, allRoles...)
	r.firstSync(t)
	stop := r.load(t, 50*time.Millisecond)
	r.awaitPublished(t, 10)

	o.claims.Revoke(user)
	r.reloadUsers(t)
	for _, one := range r.roles {
		one.awaitLog(t, "not connected to NATS, reconnecting")
		one.awaitLog(t, "nats: authentication revoked")
	}
	r.awaitRefused(t)
	for _, one := range r.roles {
		one.awaitNotReady(t)
	}
	r.awaitPublished(t, 10)
	o.claims.ClearRevocation(user)
	r.reloadUsers(t)
	r.awaitReady(t)
	r.awaitPublished(t, 10)

	o.claims.Revoke(user)
	r.reloadUsers(t)
	r.awaitRefused(t)
	_, next := o.sign(t, creds)
	repairedAt := time.Now()
	r.awaitReady(t)
	stop()
	r.checkOracle(t, repairedAt)
	for _, one := range r.roles {
		require.False(t, one.HasEnded(), one.name)
		require.NotContains(t, one.Log.String(), string(seed))
		require.NotContains(t, one.Log.String(), string(next))
	}
}

// awaitRefused waits until NATS has refused every role several times: a client left to
// its defaults give up before that.
func (r *rig) awaitRefused(t *testing.T) {
	t.Helper()
	refused := func() int { return strings.Count(r.nats.Log.String(), "authentication error") }
	enough := refused() + 6*len(r.roles)
	require.Eventually(t, func() bool { return refused() >= enough }, waitLimit, tick)
}

// awaitReady waits until every role is ready.
func (r *rig) awaitReady(t *testing.T) {
	t.Helper()
	for _, one := range r.roles {
		require.Eventually(t, func() bool { return process.Answers(t.Context(), one.admin+"/readyz") }, waitLimit, tick, "%s is not ready", one.name)
	}
}
