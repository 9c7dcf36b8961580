package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/workflows"
)

// Migrate brings tables, streams, consumers and schedules to what this version declares. Doing it
// again changes nothing.
func Migrate(ctx context.Context, cfg *Config, log zerolog.Logger, out io.Writer) error {
	s, err := openToMigrate(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.Close()
	applied, err := s.Migrate(ctx)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	report(out, "database", applied)

	conn, err := connectServer(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	changes, err := conn.Declare(ctx)
	if err != nil {
		for _, c := range changes {
			fmt.Fprintf(out, "%-9s %s\n", "streams", c)
		}
		return fmt.Errorf("declare streams and consumers: %w", err)
	}
	report(out, "streams", changes)

	if err := checkNamespace(ctx, cfg, s, log); err != nil {
		return err
	}
	changes, err = applySchedules(ctx, cfg, log)
	if err != nil {
		return fmt.Errorf("apply schedules: %w", err)
	}
	report(out, "schedules", changes)
	for _, w := range cfg.ScheduleWarnings(time.Now()) {
		fmt.Fprintf(out, "%-9s warning: %s: %s\n", "schedules", workflows.ScheduleID(w.Mode, w.TenantID), w.Text)
	}
	return nil
}

// FinishAdoption ends the time in which statements of the legacy worker work.
func FinishAdoption(ctx context.Context, cfg *Config, log zerolog.Logger, out io.Writer) error {
	s, err := openToMigrate(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.Close()
	finished, err := s.FinishAdoption(ctx)
	if err != nil {
		return err
	}
	if len(finished) == 0 {
		finished = []string{"no adoption to finish"}
	}
	report(out, "database", finished)
	return nil
}

func openToMigrate(ctx context.Context, cfg *Config, log zerolog.Logger) (*store.Store, error) {
	return store.Open(ctx, string(cfg.DatabaseURL), store.Options{Tenants: cfg.TenantIDs(), Logger: log})
}

func report(out io.Writer, what string, changes []string) {
	if len(changes) == 0 {
		fmt.Fprintf(out, "%-9s up to date\n", what)
	}
	for _, c := range changes {
		fmt.Fprintf(out, "%-9s %s\n", what, c)
	}
}
