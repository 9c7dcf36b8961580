package temporal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
)

var (
	// ErrNamespaceNotFound is returned when the configured namespace does not exist.
	ErrNamespaceNotFound = errors.New("namespace not found")
	// ErrForeignNamespace is returned when the ledger belongs to another namespace than the
	// one that Temporal answers with: its runs describe workflows of that other namespace.
	ErrForeignNamespace = errors.New("the ledger belongs to another Temporal namespace")
)

const (
	// namespaceTimeout bounds the lookup of a namespace: other callers wait for its result.
	namespaceTimeout = 5 * time.Second
	// namespaceCacheTTL is how long a successful verification is reused.
	namespaceCacheTTL = 2 * time.Second
)

// Namespace describes a Temporal namespace.
type Namespace struct {
	ID        string
	Retention time.Duration // how long closed workflows are kept
}

// DescribeNamespace describes the configured namespace. It returns ErrNamespaceNotFound
// when it does not exist.
func (c *Client) DescribeNamespace(ctx context.Context) (Namespace, error) {
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	d, err := c.sdk.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.options.Namespace})
	if is[*serviceerror.NamespaceNotFound](err) {
		return Namespace{}, fmt.Errorf("%w: %w", ErrNamespaceNotFound, err)
	}
	if err != nil {
		return Namespace{}, err
	}
	return Namespace{ID: d.GetNamespaceInfo().GetId(), Retention: d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()}, nil
}

// NamespaceID returns the ID of the configured namespace, "" if this client lacks the
// permission to describe it.
func (c *Client) NamespaceID(ctx context.Context) (string, error) {
	described, err := c.DescribeNamespace(ctx)
	if is[*serviceerror.PermissionDenied](err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up Temporal namespace %q: %w", c.options.Namespace, err)
	}
	return described.ID, nil
}

// NamespaceRecorder records the namespace that the ledger belongs to.
type NamespaceRecorder interface {
	// RecordNamespace records a namespace unless one is recorded, and returns the ID of the
	// recorded one.
	RecordNamespace(ctx context.Context, id, name string) (recorded string, err error)
}

// NamespaceVerifier verifies that Temporal answers with the namespace that the ledger
// belongs to. It is safe for concurrent use.
type NamespaceVerifier struct {
	client   *Client
	recorder NamespaceRecorder
	fix      string

	mu            sync.Mutex
	verifiedUntil time.Time
}

// NewNamespaceVerifier returns a verifier for the namespace of a client. fix says what to do
// if the ledger belongs to another one.
func NewNamespaceVerifier(c *Client, r NamespaceRecorder, fix string) *NamespaceVerifier {
	return &NamespaceVerifier{client: c, recorder: r, fix: fix}
}

// Verify returns ErrForeignNamespace if the ledger belongs to another namespace. A ledger
// without a namespace belongs to this one from then on. A success is reused for two seconds.
func (v *NamespaceVerifier) Verify(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Now().Before(v.verifiedUntil) {
		return nil
	}
	return v.verify(ctx)
}

// VerifyNow is Verify without a cached result.
func (v *NamespaceVerifier) VerifyNow(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.verify(ctx)
}

func (v *NamespaceVerifier) verify(ctx context.Context) error {
	v.verifiedUntil = time.Time{}
	id, err := v.client.NamespaceID(ctx)
	if err != nil {
		return err
	}
	if id != "" {
		recorded, err := v.recorder.RecordNamespace(ctx, id, v.client.options.Namespace)
		if err != nil {
			return err
		}
		if recorded != id {
			return fmt.Errorf("%w: Temporal namespace %q has id %s, the ledger belongs to id %s: %s", ErrForeignNamespace, v.client.options.Namespace, id, recorded, v.fix)
		}
	}
	v.verifiedUntil = time.Now().Add(namespaceCacheTTL)
	return nil
}
