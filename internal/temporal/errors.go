package temporal

import (
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"

	"github.com/lazi/lazisync/workflows"
)

// classify wraps an error of a call with workflows.ErrMisconfigured or ErrRejected. Any
// other error is transient: unavailable, busy, or no answer in time.
func classify(call string, err error) error {
	switch {
	case is[*serviceerror.NamespaceNotFound](err), is[*serviceerror.PermissionDenied](err),
		is[*serviceerror.Unimplemented](err), is[*serviceerror.NamespaceInvalidState](err):
		return fmt.Errorf("%s: %w: %w", call, workflows.ErrMisconfigured, err)
	case isPermanent(err):
		return fmt.Errorf("%s: %w: %w", call, workflows.ErrRejected, err)
	}
	return fmt.Errorf("%s: %w", call, err)
}

// isPermanent reports whether repeating the same call can never succeed. Two errors have a
// misleading type: too many signals is an invalid argument although the workflow continues
// as new, and a message larger than gRPC allows is reported as exhausted resources.
func isPermanent(err error) bool {
	if is[*serviceerror.InvalidArgument](err) {
		return !strings.Contains(err.Error(), "limit for signal events")
	}
	return strings.Contains(err.Error(), "message after decompression larger than max") ||
		strings.Contains(err.Error(), "received message larger than max")
}
