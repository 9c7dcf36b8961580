package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/workflows"
)

// MigrateOptions are the options of `lazisync migrate`.
type MigrateOptions struct {
	FinishAdoption  bool // end the time in which the SQL statements of the legacy worker work
	AcceptNamespace bool // let the ledger belong to the configured Temporal namespace
}

// Migration is what Migrate brings up to date. Each method returns a line per change.
type Migration interface {
	FinishAdoption(ctx context.Context) ([]string, error)
	MigrateDatabase(ctx context.Context) ([]string, error)
	DeclareStreams(ctx context.Context) ([]string, error)
	// AcceptNamespace takes the ledger over to the configured Temporal namespace. The
	// reconciler then ends the runs that the namespace does not know.
	AcceptNamespace(ctx context.Context) ([]string, error)
	// ApplySchedules fails if the ledger belongs to another Temporal namespace.
	ApplySchedules(ctx context.Context) ([]string, error)
	// MigrateViews creates or updates the views of schema st, and the time zones of their local
	// times.
	MigrateViews(ctx context.Context) ([]string, error)
}

// Migrate applies migrations, declares streams and consumers, applies schedules, and migrates the
// views. It prints each change.
func Migrate(ctx context.Context, m Migration, cfg *config.Config, o MigrateOptions, out io.Writer) error {
	if o.FinishAdoption { // first: a second tenant may already be configured
		changes, err := m.FinishAdoption(ctx)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			changes = []string{"no adoption to finish"}
		}
		printChanges(out, "database", changes)
	}
	changes, err := m.MigrateDatabase(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	printChanges(out, "database", changes)
	if o.AcceptNamespace {
		if changes, err = m.AcceptNamespace(ctx); err != nil {
			return err
		}
		printChanges(out, "temporal", changes)
	}
	changes, err = m.DeclareStreams(ctx)
	if err != nil {
		for _, c := range changes {
			fmt.Fprintf(out, "%-9s %s\n", "streams", c)
		}
		return fmt.Errorf("declare streams and consumers: %w", err)
	}
	printChanges(out, "streams", changes)

	if len(cfg.Tenants) == 0 { // Temporal need not run yet
		printChanges(out, "schedules", []string{"unchanged: neither SERVICETITAN_TENANT_ID nor SERVICETITAN_TENANTS_FILE is set"})
	} else {
		if changes, err = m.ApplySchedules(ctx); err != nil {
			return err
		}
		printChanges(out, "schedules", changes)
	}
	for _, w := range cfg.ScheduleWarnings(time.Now()) {
		fmt.Fprintf(out, "%-9s warning: %s: %s\n", "schedules", workflows.ScheduleID(w.Mode, w.TenantID, w.Group), w.Text)
	}
	return migrateViews(ctx, m, cfg, out)
}

// migrateViews comes last: no role needs the views, and they may fail because of others' objects.
func migrateViews(ctx context.Context, m Migration, cfg *config.Config, out io.Writer) error {
	if !cfg.Sync.Views {
		printChanges(out, "views", []string{"unchanged: SYNC_VIEWS is off"})
		return nil
	}
	changes, err := m.MigrateViews(ctx)
	if err == nil {
		printChanges(out, "views", changes)
	}
	return err
}

func printChanges(out io.Writer, what string, changes []string) {
	if len(changes) == 0 {
		fmt.Fprintf(out, "%-9s up to date\n", what)
	}
	for _, c := range changes {
		fmt.Fprintf(out, "%-9s %s\n", what, c)
	}
}
