package connect

import (
	"context"
	"errors"
	"fmt"

	"github.com/lazi/lazisync/internal/store"
	"github.com/lazi/lazisync/internal/temporal"
)

// NamespaceFix says what to do if the ledger belongs to another Temporal namespace.
const NamespaceFix = "correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; if that Temporal is lost, run lazisync migrate --accept-namespace: " +
	"open runs end as failed"

// NamespaceVerifier verifies that the ledger belongs to the Temporal namespace. Its errors
// say what to do if it does not. It is safe for concurrent use.
type NamespaceVerifier struct{ verifier *temporal.NamespaceVerifier }

// NewNamespaceVerifier returns a verifier of the namespace of c and the ledger in s.
func NewNamespaceVerifier(c *temporal.Client, s *store.Store) NamespaceVerifier {
	return NamespaceVerifier{temporal.NewNamespaceVerifier(c, s)}
}

// Verify returns an error if the ledger belongs to another namespace, and reuses a
// successful result for a short time.
func (v NamespaceVerifier) Verify(ctx context.Context) error { return withFix(v.verifier.Verify(ctx)) }

// VerifyNow is Verify without reusing an earlier result.
func (v NamespaceVerifier) VerifyNow(ctx context.Context) error {
	return withFix(v.verifier.VerifyNow(ctx))
}

func withFix(err error) error {
	if errors.Is(err, temporal.ErrForeignNamespace) {
		return fmt.Errorf("%w: %s", err, NamespaceFix)
	}
	return err
}
