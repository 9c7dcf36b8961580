package commands

import (
	"context"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/cli"
	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/connect"
	"github.com/lazi/lazisync/internal/doctor"
	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/stream"
	"github.com/lazi/lazisync/internal/temporal"
)

// Backends opens what the commands need, as configured.
func Backends(cfg *config.Config) cli.Backends { return backends{cfg} }

type backends struct{ cfg *config.Config }

// Stream implements cli.Backends.
func (b backends) Stream(ctx context.Context) (cli.Stream, error) {
	return connect.CommandStream(ctx, b.cfg, true)
}

// Store implements cli.Backends.
func (b backends) Store(ctx context.Context) (cli.Store, error) {
	if b.cfg.DatabaseURL == "" {
		return nil, cli.ErrNoDatabase
	}
	return store.Open(ctx, string(b.cfg.DatabaseURL), store.Options{Logger: zerolog.Nop()})
}

// Schedules implements cli.Backends.
func (b backends) Schedules(context.Context) (cli.Schedules, error) {
	return connect.Temporal(b.cfg, zerolog.Nop())
}

// ScheduleIDs returns the IDs of the configured schedules that are not off.
func ScheduleIDs(cfg *config.Config) (ids []string) {
	for _, s := range connect.Schedules(cfg) {
		if s.Cron != temporal.ScheduleOff {
			ids = append(ids, s.ID())
		}
	}
	return ids
}

// Doctor checks what a role depends on. If a check fails, the error has exit code 1.
func Doctor(ctx context.Context, cfg *config.Config, role doctor.Role, asJSON bool, out io.Writer) error {
	log := zerolog.Nop() // the findings have the errors
	d := doctor.New(doctor.Options{
		Config: cfg, Role: role,
		OpenStream: func(ctx context.Context) (*stream.Conn, error) { return connect.CommandStream(ctx, cfg, false) },
		OpenStore: func(ctx context.Context) (*store.Store, error) {
			return connect.Store(ctx, cfg, "doctor", 2, nil, nil, log)
		},
		OpenTemporal: func() (*temporal.Client, error) { return connect.Temporal(cfg, log) },
		ServiceTitan: connect.ServiceTitan(cfg, nil, 0, nil, nil, log),
		Schedules:    connect.Schedules(cfg),
		TimeZones:    connect.TimeZones(cfg),
		NamespaceFix: connect.NamespaceFix,
	})
	ok, err := d.Run(ctx, asJSON, out)
	if err == nil && !ok {
		return &cli.ExitError{Code: cli.ExitFailed}
	}
	return err
}

// Plan prints what a sync would read and cost.
func Plan(ctx context.Context, cfg *config.Config, o cli.PlanOptions, out io.Writer) error {
	o.Overlap = store.DefaultOverlap
	if cfg.DatabaseURL == "" {
		return cli.Plan(ctx, connect.ServiceTitan(cfg, nil, 0, nil, nil, zerolog.Nop()), nil, cfg, o, out)
	}
	s, err := connect.Store(ctx, cfg, "plan", 2, nil, nil, zerolog.Nop())
	if err != nil {
		return err
	}
	defer s.Close()
	return cli.Plan(ctx, connect.ServiceTitan(cfg, s, 0, nil, nil, zerolog.Nop()), s, cfg, o, out)
}

// Erase shows or erases what lazisync has of one record.
func Erase(ctx context.Context, cfg *config.Config, o cli.EraseOptions, out io.Writer) error {
	what, err := o.Resolve(cfg)
	if err != nil {
		return cli.UsageError(err)
	}
	s, err := connect.Store(ctx, cfg, "erase", 2, nil, nil, zerolog.Nop())
	if err != nil {
		return err
	}
	defer s.Close()
	conn, err := connect.CommandStream(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer conn.Close()
	return cli.Erase(ctx, s, conn, what, o, out)
}

// Migrate applies migrations, declares streams and consumers, applies schedules, and migrates the
// views. Doing it again changes nothing.
func Migrate(ctx context.Context, cfg *config.Config, o cli.MigrateOptions, log zerolog.Logger, out io.Writer) error {
	s, err := connect.Store(ctx, cfg, "migrate", 0, nil, nil, log)
	if err != nil {
		return err
	}
	defer s.Close()
	return cli.Migrate(ctx, migration{cfg, s, log}, cfg, o, out)
}

// migration implements cli.Migration.
type migration struct {
	cfg   *config.Config
	store *store.Store
	log   zerolog.Logger
}

func (m migration) FinishAdoption(ctx context.Context) ([]string, error) {
	return m.store.FinishAdoption(ctx)
}

func (m migration) MigrateDatabase(ctx context.Context) ([]string, error) {
	return m.store.Migrate(ctx)
}

func (m migration) MigrateViews(ctx context.Context) ([]string, error) {
	return m.store.MigrateViews(ctx, connect.TimeZones(m.cfg))
}

func (m migration) DeclareStreams(ctx context.Context) ([]string, error) {
	conn, err := connect.CommandStream(ctx, m.cfg, false)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Declare(ctx)
}

func (m migration) AcceptNamespace(ctx context.Context) (changes []string, err error) {
	c, err := connect.Temporal(m.cfg, m.log)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	name := m.cfg.Temporal.Namespace
	id, err := c.NamespaceID(ctx)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fmt.Errorf("this client has no permission to describe the Temporal namespace %q", name)
	}
	former, err := m.store.AcceptNamespace(ctx, id, name)
	if err == nil && former != id {
		changes = append(changes, fmt.Sprintf("the ledger belongs to namespace %q, id %s (was %q)", name, id, former))
	}
	return changes, err
}

func (m migration) ApplySchedules(ctx context.Context) ([]string, error) {
	c, err := connect.Temporal(m.cfg, m.log)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := temporal.NewNamespaceVerifier(c, m.store, connect.NamespaceFix).Verify(ctx); err != nil {
		return nil, err
	}
	changes, err := c.ApplySchedules(ctx)
	if err != nil {
		return nil, fmt.Errorf("apply schedules: %w", err)
	}
	return changes, nil
}
