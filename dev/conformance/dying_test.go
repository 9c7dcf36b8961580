package conformance

import (
	"context"
	"errors"
	"sync"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

var errDied = errors.New("the worker died")

// dying is a store whose worker dies around one of the next pages: before it is stored,
// or behind it, when nobody hears that it is. What the slice knew is lost with it.
type dying struct {
	activities.PageStore
	before, after int // pages from now, 1 for the next

	mu    sync.Mutex
	pages int
}

func (d *dying) StorePage(ctx context.Context, tenant string, mode events.Mode, e entity.Entity, at ledger.Position, p entity.Page) (ledger.Position, error) {
	d.mu.Lock()
	d.pages++
	n := d.pages
	d.mu.Unlock()
	if n == d.before {
		return ledger.Position{}, errDied
	}
	next, err := d.PageStore.StorePage(ctx, tenant, mode, e, at, p)
	if n == d.after {
		return ledger.Position{}, errDied
	}
	return next, err
}
