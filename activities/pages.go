package activities

import (
	"context"
	"slices"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/failpoint"
)

// pageResult is the result of fetchPage.
type pageResult struct {
	page entity.Page
	err  error
}

// fetchPage starts to read a page and returns a channel for the result. Pass a context that
// a pause does not cancel: a requested page is always stored.
func (s *slice) fetchPage(ctx context.Context, at entity.Cursor) <-chan pageResult {
	out := make(chan pageResult, 1)
	go func() {
		page, err := s.Source.Page(ctx, s.target.TenantID, s.target.Entity, at, s.interactive)
		out <- pageResult{page, err}
	}()
	return out
}

// pages reads and stores pages one after another, reading one ahead while the last
// is being stored, until the entity is complete or the slice is stopping.
func (s *slice) pages(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.needsTotal() && s.target.Mode.Info().Staged { // which is checked against the counts before and after
		s.count(work)
		s.setTotal(ctx, <-s.total)
	}
	next := s.fetchPage(work, s.at.Cursor)
	defer func() {
		if next != nil { // of no use after an error
			go func() { (<-next).page.Release() }()
		}
		cancel()
	}()
	for next != nil {
		got := s.await(ctx, next)
		next = nil
		if got.err == nil && !got.page.Last && !s.stopping(ctx) {
			next = s.fetchPage(work, got.page.Next)
		}
		if got.err == nil && !got.page.Last && got.page.Total < 0 && s.needsTotal() { // a feed does not count its records
			s.count(work) // beside the next page, so that it delays none
		}
		if got.err != nil {
			return got.err
		}
		failpoint.Hit("worker/page-read")
		s.warn(&got.page)
		at, err := s.Store.StorePage(work, s.target, s.at, got.page)
		got.page.Release()
		if err != nil {
			return &storeError{err}
		}
		failpoint.Hit("worker/page-stored")
		s.warned = nil
		s.reached(at)
	}
	if s.total != nil {
		s.setTotal(ctx, <-s.total)
	}
	return nil
}

// await returns the page that is being fetched, after the number of records if that is being counted.
func (s *slice) await(ctx context.Context, next <-chan pageResult) pageResult {
	if s.total == nil {
		return <-next
	}
	select {
	case total := <-s.total: // the page may take long: progress has the number at once
		s.setTotal(ctx, total)
		return <-next
	case got := <-next:
		s.setTotal(ctx, <-s.total)
		return got
	}
}

// warn logs the warnings of a page, and prepends earlier warnings of the slice to them:
// StorePage stores them for the outcome.
func (s *slice) warn(page *entity.Page) {
	for _, w := range page.Warnings {
		s.Logger.Warn().EmbedObject(s.target).Msg(w)
	}
	page.Warnings = append(slices.Clone(s.warned), page.Warnings...)
}
