package postgres

import (
	"context"
	"errors"

	"github.com/lazi/lazisync/internal/testing/pgserver"
)

// Start is pgserver.Start, but downloads PostgreSQL if it is not installed.
func Start(ctx context.Context, o pgserver.Options) (*pgserver.Server, error) {
	s, err := pgserver.Start(ctx, o)
	if !errors.Is(err, pgserver.ErrNotFound) {
		return s, err
	}
	if o.Logf != nil {
		o.Logf("%v; fetching PostgreSQL %s", err, version)
	}
	bin, fetchErr := Fetch(ctx, FetchOptions{})
	if fetchErr != nil {
		// The first error says what to install.
		return nil, errors.Join(err, fetchErr)
	}
	o.BinDir = bin
	return pgserver.Start(ctx, o)
}
