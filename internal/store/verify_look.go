package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/ledger"
)

// The second look of a verify reads the candidates again: by id where the list takes ids, with the
// whole list where it does not, and from the end of an export feed, which brings what has changed.

// prepareSecondLook removes the candidates of a list from the staging table, so that it has them
// afterwards only if ServiceTitan still has them. It returns how many it removed.
func (s pageStore) prepareSecondLook(ctx context.Context, tx pgx.Tx) (int64, error) {
	if s.Entity.Export != "" {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, s.diffSQL("delete from TARGET where tenant_id = $1 and st_id in (select st_id from DIFF)"), s.TenantID)
	return tag.RowsAffected(), err
}

// candidates lists ids of candidates that were not looked up yet, at most limit.
func (s *Store) candidates(ctx context.Context, target ledger.Target, limit int) ([]string, error) {
	staging := pageStore{Target: target}
	return readRows(ctx, s, fmt.Sprintf("list candidates of %s in run %d", target.Entity.Name, target.Run.Number), pgx.RowTo[string],
		staging.diffSQL("select st_id::text from DIFF where not looked_up order by st_id limit $1"), limit)
}

// recordCandidates records that candidates were looked up. It returns 1 if some remain, else 0. A record
// without an id in the response may be any of those that were not found, which are dropped then.
func (s pageStore) recordCandidates(ctx context.Context, tx pgx.Tx, requested []string) (remaining int64, err error) {
	if found, unidentified := s.recordIDs(); unidentified > 0 {
		notFound := slices.DeleteFunc(slices.Clone(requested), func(id string) bool { return slices.Contains(found, id) })
		if err := s.dropCandidates(ctx, tx, notFound); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(ctx, s.diffSQL("update DIFF set looked_up = true where st_id = any($1::text[]::KEY[])"), requested); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, s.diffSQL("select count(*) from (select from DIFF where not looked_up limit 1) one")).Scan(&remaining)
	return remaining, err
}

// rejectCandidates drops candidates whose record cannot be stored any more: they are not known to
// differ. It returns the records that the first look did not reject, which are to be counted.
func (s pageStore) rejectCandidates(ctx context.Context, tx pgx.Tx, rejected []entity.Rejected) ([]entity.Rejected, error) {
	if len(rejected) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rejected))
	for i, r := range rejected {
		ids[i] = text(r.ID)
	}
	if _, err := tx.Exec(ctx, s.diffSQL("delete from DIFF where st_id::text = any($1)"), ids); err != nil {
		return nil, err
	}
	known, err := pgx.CollectRows(query(ctx, tx, "select st_id from raw.rejected_records where run_number = $1 and table_name = $2 and st_id = any($3)",
		s.Run.Number, tableName(s.Entity), ids), pgx.RowTo[string])
	return slices.DeleteFunc(slices.Clone(rejected), func(r entity.Rejected) bool { return slices.Contains(known, text(r.ID)) }), err
}

// dropCandidates drops candidates by their ids.
func (s pageStore) dropCandidates(ctx context.Context, tx pgx.Tx, ids []string) error {
	_, err := tx.Exec(ctx, s.diffSQL("delete from DIFF where st_id = any($1::text[]::KEY[])"), ids)
	return err
}
