package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
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
	reportRunNumbers(ctx, conn, s, out)

	if err := checkNamespace(ctx, cfg, s, log); err != nil {
		return err
	}
	changes, err = applySchedules(ctx, cfg, log)
	if err != nil {
		return fmt.Errorf("apply schedules: %w", err)
	}
	report(out, "schedules", changes)
	for _, w := range cfg.scheduleWarnings(time.Now()) {
		fmt.Fprintf(out, "%-9s warning: %s: %s\n", "schedules", w.id, w.text)
	}
	return nil
}

// reportRunNumbers lets run numbers begin above those that the event stream has. The bridge
// does so before it consumes, too: that this user may not read the stream is no failure.
func reportRunNumbers(ctx context.Context, conn *stream.Conn, s *store.Store, out io.Writer) {
	last, err := conn.LastRunNumber(ctx)
	if err != nil {
		fmt.Fprintf(out, "%-9s warning: run numbers are left to the bridge: %v\n", "database", err)
		return
	}
	given, raised, err := s.RaiseRunNumbers(ctx, last)
	switch {
	case err != nil:
		fmt.Fprintf(out, "%-9s warning: run numbers are left to the bridge: %v\n", "database", err)
	case raised:
		fmt.Fprintf(out, "%-9s run numbers: raised above %d, the last in the event stream (was %d: PostgreSQL was restored)\n", "database", last, given)
	}
}

// FinishAdoption ends the time in which the statements of an earlier sync program work.
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
