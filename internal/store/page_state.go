package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/events"
)

// resumeUpdate returns which parts of the table's resume point the page sets.
//
// An incremental sets the token of the feed with each page: everything before it is stored. It sets
// the watermark when the list was read to its end. A full sync sets both once, at its end, unless
// an incremental has set them since it began: that one continues from earlier resume points and has
// missed nothing.
func (s pageStore) resumeUpdate(at resumePoint, f fence, status events.Status) (m resumeUpdate) {
	if status == events.StatusFailed {
		return m
	}
	switch s.Mode {
	case events.Incremental:
		m.token = s.page.Next.Token != ""
		m.since = s.page.Last
	case events.Full:
		m.since = status == events.StatusCompleted && at.version == f.baseVersion
		m.token = m.since
	}
	return m
}

// resumeUpdate says which parts of a resume point are set.
type resumeUpdate struct{ token, since bool }

// saveState updates the counts, the resume point and the freshness of the table.
func (s pageStore) saveState(ctx context.Context, tx pgx.Tx, live int64, status events.Status, m resumeUpdate, watermark time.Time) error {
	shown, complete := string(status), status == events.StatusCompleted
	if status == "" {
		shown = "running"
	}
	_, err := tx.Exec(ctx, `
		insert into raw.sync_state as s (tenant_id, table_name, records_count, sync_status, resume_token, resume_since,
			resume_version, last_full_sync, last_incremental_sync, read_as_of)
		values ($1, $2, $3, $4, case when $5 then $6 else '' end, case when $7 then $8::timestamptz end, ($5 or $7)::int,
			case when $9 then clock_timestamp() end, case when $10 then clock_timestamp() end, case when $9 or $10 then $8::timestamptz end)
		on conflict (tenant_id, table_name) do update
		set records_count         = s.records_count + excluded.records_count,
			sync_status           = excluded.sync_status,
			resume_token          = case when $5 then excluded.resume_token else s.resume_token end,
			resume_since          = coalesce(excluded.resume_since, s.resume_since),
			resume_version        = s.resume_version + excluded.resume_version,
			last_full_sync        = coalesce(excluded.last_full_sync, s.last_full_sync),
			last_incremental_sync = coalesce(excluded.last_incremental_sync, s.last_incremental_sync),
			read_as_of            = greatest(s.read_as_of, excluded.read_as_of),
			updated_at            = clock_timestamp()`,
		s.TenantID, tableName(s.Entity), live, shown, m.token, text(s.page.Next.Token), m.since, watermark,
		complete && s.Mode == events.Full, complete && s.Mode == events.Incremental)
	if err == nil && complete && s.Mode.Info().ReadsAll {
		err = s.setBaseline(ctx, tx)
	}
	return err
}
