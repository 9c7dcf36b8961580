package activities

import (
	"context"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// The phases after the last page: missing rows, and those that a refresh names, are looked up by id, a
// rebuild is checked and applied, and a verify is compared and checked.

// lookUp reads rows by their ids, a few at a time. As with pages, the result of a
// request that was sent is always stored.
func (s *slice) lookUp(ctx context.Context) error {
	work := context.WithoutCancel(ctx)
	for s.at.Phase == events.PhaseSweeping && !s.at.Done() {
		ids, err := s.Store.MissingIDs(work, s.target, entity.MaxIDs)
		if err != nil {
			return &storeError{err}
		}
		found := entity.Page{Date: time.Now()}
		if len(ids) > 0 {
			if found, err = s.Source.Lookup(work, s.target.TenantID, s.target.Entity, ids, s.interactive); err != nil {
				return err
			}
		}
		at, err := s.Store.StoreLookup(work, s.target, s.at, ids, found)
		if err != nil {
			return &storeError{err}
		}
		s.reached(at)
		if s.stopping(ctx) {
			return nil
		}
	}
	return nil
}

// check compares what a rebuild or a verify has loaded with what ServiceTitan counts now.
func (s *slice) check(ctx context.Context) error {
	work := context.WithoutCancel(ctx)
	counted, err := s.Source.Count(work, s.target.TenantID, s.target.Entity)
	if err != nil {
		if !isPermanent(err) || s.mayBeTransient(err) {
			return err
		}
		counted = -1 // the list may be forbidden or no longer exist
	}
	at, err := s.Store.CheckRebuild(work, s.target, s.at, int64(counted))
	if err != nil {
		return &storeError{err}
	}
	s.reached(at)
	return nil
}

// compare compares the staging table with the entity's table, which may take long. A pause or a
// cancel rolls it back.
func (s *slice) compare(ctx context.Context) error {
	at, err := s.Store.CompareStaged(ctx, s.target, s.at)
	if err != nil {
		return &storeError{err}
	}
	s.reached(at)
	return nil
}

// apply applies the diff to the entity's table in one transaction, which may take long. A pause
// or a cancel rolls it back.
func (s *slice) apply(ctx context.Context) error {
	at, err := s.Store.ApplyRebuild(ctx, s.target, s.at)
	if err != nil {
		return &storeError{err}
	}
	s.reached(at)
	return nil
}
