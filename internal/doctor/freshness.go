package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/internal/store"
)

func (d *Doctor) checkFreshness(ctx context.Context, f *findings, s *store.Store) {
	ages, err := s.Freshness(ctx)
	if err != nil {
		return // missing tables and permissions are already reported
	}
	f.freshness(ages)
}

// freshness adds which entities are stale.
func (f *findings) freshness(ages []ledger.Freshness) {
	var stale []string
	evaluated := 0
	for _, v := range ages {
		if v.Target > 0 {
			evaluated++
		}
		if v.Stale {
			stale = append(stale, fmt.Sprintf("tenant %s: %s %s of %s", v.TenantID, v.Entity, v.Age.Truncate(time.Second), v.Target))
		}
	}
	switch {
	case len(stale) > 0:
		f.warn("see the likely cause in lazisync status, and Freshness in docs/operations.md", "freshness", "older than SYNC_FRESHNESS allows: %s", firstOf(stale))
	case evaluated == 0:
		f.ok("freshness", "no entity is evaluated")
	default:
		f.ok("freshness", "none of %d entities is stale", evaluated)
	}
}
