package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/temporal"
)

// acceptNamespace says how to take a ledger over to another namespace.
const acceptNamespace = "correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; if that Temporal is lost, run lazisync migrate --accept-namespace: " +
	"open runs end as failed"

// namespace verifies the Temporal namespace. It adds to the error of a foreign one what to
// do. It is safe for concurrent use.
type namespace struct{ verifier *temporal.NamespaceVerifier }

func newNamespace(c *temporal.Client, s *store.Store) *namespace {
	return &namespace{temporal.NewNamespaceVerifier(c, s)}
}

func (n *namespace) verify(ctx context.Context) error { return withHint(n.verifier.Verify(ctx)) }

func (n *namespace) verifyNow(ctx context.Context) error { return withHint(n.verifier.VerifyNow(ctx)) }

func withHint(err error) error {
	if errors.Is(err, temporal.ErrForeignNamespace) {
		return fmt.Errorf("%w: %s", err, acceptNamespace)
	}
	return err
}

// AcceptNamespace lets the ledger belong to the Temporal namespace that is configured,
// whichever it belonged to. The reconciler then ends the runs that the namespace does not know.
func AcceptNamespace(ctx context.Context, cfg *Config, log zerolog.Logger, out io.Writer) error {
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
	c, err := openTemporal(cfg, log)
	if err != nil {
		return err
	}
	defer c.Close()
	name := cfg.Temporal.Namespace
	id, err := c.NamespaceID(ctx)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("this client may not look up Temporal namespace %q", name)
	}
	former, err := s.AcceptNamespace(ctx, id, name)
	if err != nil {
		return err
	}
	if former != id {
		report(out, "temporal", []string{fmt.Sprintf("the ledger belongs to namespace %q, id %s (was %q)", name, id, former)})
	}
	return nil
}

// checkNamespace fails where the namespace is not the one that the ledger belongs to. A
// ledger that belongs to none yet belongs to this one from then on.
func checkNamespace(ctx context.Context, cfg *Config, s *store.Store, log zerolog.Logger) error {
	if len(cfg.Tenants) == 0 {
		return nil // no schedule is applied, and Temporal need not be there
	}
	c, err := openTemporal(cfg, log)
	if err != nil {
		return err
	}
	defer c.Close()
	return newNamespace(c, s).verify(ctx)
}
