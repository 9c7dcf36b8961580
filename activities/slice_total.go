package activities

import (
	"context"
	"errors"

	"github.com/lazi/lazisync/internal/ledger"
)

// needsTotal reports whether the expected number of records is to be counted.
func (s *slice) needsTotal() bool {
	return s.target.Mode.Info().ReadsAll && s.at.Total < 0 && !s.counted
}

// count starts to count the records of a full read, for its progress, once in a slice. An error does
// not stop the slice: the next page fails with it, too.
func (s *slice) count(ctx context.Context) {
	total := make(chan int, 1)
	s.counted, s.total = true, total
	go func() {
		n, err := s.Source.Count(ctx, s.target.TenantID, s.target.Entity)
		if err != nil {
			n = -1
		}
		total <- n
	}()
}

// setTotal stores a number of records, -1 if it is unknown.
func (s *slice) setTotal(ctx context.Context, total int) {
	s.total = nil
	if total < 0 {
		return
	}
	at := s.at
	at.Total = ledger.Total(total)
	err := s.Store.SetTotal(context.WithoutCancel(ctx), s.target, s.at, at.Total)
	if errors.Is(err, ledger.ErrFenced) {
		return // another attempt reads the entity: the next page finds out
	}
	if err != nil {
		s.Logger.Warn().EmbedObject(s.target).Err(err).Msg("total not stored, progress has none")
	}
	s.reached(at)
}
