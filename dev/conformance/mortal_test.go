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

// mortal is a store whose worker may die around a page: before it is stored, or behind
// it, before the result is reported. The state of the slice is lost with it.
type mortal struct {
	activities.PageStore
	dies func() (before, behind bool)
}

// dying dies before or behind the nth page from now.
func dying(store activities.PageStore, before, behind int) *mortal {
	var mu sync.Mutex
	pages := 0
	return &mortal{PageStore: store, dies: func() (bool, bool) {
		mu.Lock()
		defer mu.Unlock()
		pages++
		return pages == before, pages == behind
	}}
}

func (m *mortal) StorePage(ctx context.Context, tenant string, mode events.Mode, e entity.Entity, at ledger.Position, p entity.Page) (ledger.Position, error) {
	before, behind := m.dies()
	if before {
		return ledger.Position{}, errDied
	}
	next, err := m.PageStore.StorePage(ctx, tenant, mode, e, at, p)
	if behind {
		return ledger.Position{}, errDied
	}
	return next, err
}
