package conformance

import (
	"context"
	"errors"
	"sync"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

var errCrashed = errors.New("the worker died")

// crashingStore is a store whose worker crashes before a page is stored, or after it and before the
// result is reported. The state of the slice is lost.
type crashingStore struct {
	activities.PageStore
	crashes func() (before, behind bool)
}

// crashAround crashes before or after the nth page from now.
func crashAround(store activities.PageStore, before, behind int) *crashingStore {
	var mu sync.Mutex
	pages := 0
	return &crashingStore{PageStore: store, crashes: func() (bool, bool) {
		mu.Lock()
		defer mu.Unlock()
		pages++
		return pages == before, pages == behind
	}}
}

func (m *crashingStore) StorePage(ctx context.Context, target ledger.Target, at ledger.Position, p entity.Page) (ledger.Position, error) {
	before, behind := m.crashes()
	if before {
		return ledger.Position{}, errCrashed
	}
	next, err := m.PageStore.StorePage(ctx, target, at, p)
	if behind {
		return ledger.Position{}, errCrashed
	}
	return next, err
}
