package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/config"
)

// fakeMigration has nothing to do, except with the views.
type fakeMigration struct {
	views []string
	err   error
}

func (fakeMigration) FinishAdoption(context.Context) ([]string, error)  { return nil, nil }
func (fakeMigration) MigrateDatabase(context.Context) ([]string, error) { return nil, nil }
func (fakeMigration) DeclareStreams(context.Context) ([]string, error)  { return nil, nil }
func (fakeMigration) AcceptNamespace(context.Context) ([]string, error) { return nil, nil }
func (fakeMigration) ApplySchedules(context.Context) ([]string, error)  { return nil, nil }
func (m fakeMigration) MigrateViews(context.Context) ([]string, error)  { return m.views, m.err }

// TestMigrateEndsWithTheViews: a failure leaves everything else migrated.
func TestMigrateEndsWithTheViews(t *testing.T) {
	t.Parallel()
	const before = "database  up to date\nstreams   up to date\nschedules up to date\n"
	failed := errors.New("the schema st holds objects that lazisync did not create")
	for name, c := range map[string]struct {
		views    string
		m        fakeMigration
		want     string
		wantFail error
	}{
		"nothing to do": {"on", fakeMigration{}, before + "views     up to date\n", nil},
		"a new view":    {"on", fakeMigration{views: []string{"view st.customers"}}, before + "views     view st.customers\n", nil},
		"failure":       {"on", fakeMigration{err: failed}, before, failed},
		"off":           {"off", fakeMigration{err: failed}, before + "views     unchanged: SYNC_VIEWS is off\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Load([]string{"SERVICETITAN_TENANT_ID=1001", "SYNC_VIEWS=" + c.views}, config.Options{})
			require.NoError(t, err)
			var out bytes.Buffer
			require.Equal(t, c.wantFail, Migrate(t.Context(), c.m, cfg, MigrateOptions{}, &out))
			require.Equal(t, c.want, out.String())
		})
	}
}
