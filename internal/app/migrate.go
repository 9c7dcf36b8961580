package app

import (
	"context"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/store"
)

// Migrate brings tables, streams, consumers and schedules to what this version declares. Doing it
// again changes nothing.
func Migrate(ctx context.Context, cfg *Config, log zerolog.Logger, out io.Writer) error {
	s, err := store.Open(ctx, string(cfg.DatabaseURL), store.Options{Logger: log})
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
		return fmt.Errorf("declare streams and consumers: %w", err)
	}
	report(out, "streams", changes)

	changes, err = applySchedules(ctx, cfg, log)
	if err != nil {
		return fmt.Errorf("apply schedules: %w", err)
	}
	report(out, "schedules", changes)
	return nil
}

func report(out io.Writer, what string, changes []string) {
	if len(changes) == 0 {
		fmt.Fprintf(out, "%-9s up to date\n", what)
	}
	for _, c := range changes {
		fmt.Fprintf(out, "%-9s %s\n", what, c)
	}
}
