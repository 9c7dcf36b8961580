package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lazi/lazisync/internal/store"
)

// errForeignNamespace says that Temporal answers with another namespace than the one whose
// workflows the ledger describes.
var errForeignNamespace = errors.New("another Temporal namespace")

// acceptNamespace is what takes a ledger over to another namespace.
const acceptNamespace = "correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; where that Temporal is lost, run lazisync migrate --accept-namespace: " +
	"runs that are open end as failed"

// namespaceKept is how long a namespace that is ours is not asked for again.
const namespaceKept = 2 * time.Second

// namespaceWait is how long Temporal has to answer: others wait for the same answer.
const namespaceWait = 5 * time.Second

// namespace compares the Temporal namespace with the one that the ledger belongs to. It is
// safe for concurrent use.
type namespace struct {
	client client.Client
	store  *store.Store
	name   string

	mu    sync.Mutex
	until time.Time
}

// ours fails with errForeignNamespace where the namespace is another one than the ledger's.
// A ledger that belongs to none yet belongs to this one from then on.
func (n *namespace) ours(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().Before(n.until) {
		return nil
	}
	return n.compare(ctx)
}

// oursNow is ours without a cached answer.
func (n *namespace) oursNow(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.compare(ctx)
}

func (n *namespace) compare(ctx context.Context) error {
	n.until = time.Time{}
	id, err := namespaceID(ctx, n.client, n.name)
	if err != nil {
		return err
	}
	if id != "" {
		held, err := n.store.RecordNamespace(ctx, id, n.name)
		if err != nil {
			return err
		}
		if held != id {
			return foreign(n.name, id, held)
		}
	}
	n.until = time.Now().Add(namespaceKept)
	return nil
}

func foreign(name, id, held string) error {
	return fmt.Errorf("%w: Temporal namespace %q has id %s, the ledger belongs to id %s: %s", errForeignNamespace, name, id, held, acceptNamespace)
}

// namespaceID returns the ID of a namespace, "" where the client may not ask for it.
func namespaceID(ctx context.Context, c client.Client, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, namespaceWait)
	defer cancel()
	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	if _, denied := errors.AsType[*serviceerror.PermissionDenied](err); denied {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up Temporal namespace %q: %w", name, err)
	}
	return described.GetNamespaceInfo().GetId(), nil
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
	c, err := openTemporal(cfg.Temporal, log, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	name := cfg.Temporal.Namespace
	id, err := namespaceID(ctx, c, name)
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
	c, err := openTemporal(cfg.Temporal, log, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return (&namespace{client: c, store: s, name: cfg.Temporal.Namespace}).ours(ctx)
}

// judgeNamespace compares the namespace with the one that the ledger belongs to.
func (d *doctor) judgeNamespace(ctx context.Context, f *findings, id string) {
	if !d.needs("DATABASE_URL") {
		return
	}
	s, err := store.Open(ctx, string(d.cfg.DatabaseURL), store.Options{MaxConns: 1, Application: "lazisync doctor", Logger: d.log})
	if err != nil {
		return // examineDatabase reports it
	}
	defer s.Close()
	held, err := s.Namespace(ctx)
	if err != nil {
		return // likewise
	}
	name := d.cfg.Temporal.Namespace
	if held != "" && held != id {
		f.fail(acceptNamespace, "temporal namespace id", "Temporal namespace %q has id %s, the ledger belongs to id %s: nothing is started or finalized", name, id, held)
		return
	}
	f.ok("temporal namespace id", "%s", id)
}
