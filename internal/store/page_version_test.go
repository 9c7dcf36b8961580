package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// version is a row as far as the order of versions is concerned.
type version struct {
	Name    string
	Deleted bool
	Run     int64
}

func (f *fixture) version(id int) (v version) {
	f.Helper()
	err := f.db.QueryRow(f.Context(), "select name, deleted_at is not null, run_number from raw.st_customers where tenant_id = 42 and st_id = $1", id).
		Scan(&v.Name, &v.Deleted, &v.Run)
	require.NoError(f, err)
	return v
}

// TestVersions stores one version of a record after another.
func TestVersions(t *testing.T) {
	t.Parallel()
	none := time.Time{}
	type read struct {
		at     time.Time
		record entity.Record
	}
	tests := map[string]struct {
		first, second read
		want          string // name of the row
		deleted       bool
		counts        events.Counts
		live          int64
	}{
		"newer": {
			read{at(1), customer(1, at(1), "old")}, read{at(2), customer(1, at(2), "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"older": {
			read{at(2), customer(1, at(2), "new")}, read{at(3), customer(1, at(1), "old")},
			"new", false, events.Counts{Unchanged: 1}, 1,
		},
		"newer though read before": {
			read{at(3), customer(1, at(1), "old")}, read{at(2), customer(1, at(2), "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"equal version, other data, read later": {
			read{at(2), customer(1, at(1), "old")}, read{at(3), customer(1, at(1), "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"equal version, other data, read before": {
			read{at(3), customer(1, at(1), "old")}, read{at(2), customer(1, at(1), "new")},
			"old", false, events.Counts{Unchanged: 1}, 1,
		},
		"equal version, other data, written later": {
			read{at(2), customer(1, at(1), "old")}, read{at(2), customer(1, at(1), "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"same": {
			read{at(2), customer(1, at(1), "same")}, read{at(3), customer(1, at(1), "same")},
			"same", false, events.Counts{Unchanged: 1}, 1,
		},
		"no modifiedOn, read later": {
			read{at(2), customer(1, none, "old")}, read{at(3), customer(1, none, "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"no modifiedOn, read before": {
			read{at(3), customer(1, none, "new")}, read{at(2), customer(1, none, "old")},
			"new", false, events.Counts{Unchanged: 1}, 1,
		},
		"modifiedOn came, read later": {
			read{at(2), customer(1, none, "old")}, read{at(3), customer(1, at(0), "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"modifiedOn came, read before": {
			read{at(3), customer(1, none, "new")}, read{at(2), customer(1, at(9), "old")},
			"new", false, events.Counts{Unchanged: 1}, 1,
		},
		"modifiedOn went, read later": {
			read{at(2), customer(1, at(1), "old")}, read{at(3), customer(1, none, "new")},
			"new", false, events.Counts{Updated: 1}, 1,
		},
		"deleted": {
			read{at(2), customer(1, at(1), "was")}, read{at(3), gone(customer(1, at(2), "was"))},
			"was", true, events.Counts{Deleted: 1}, 0,
		},
		"deleted with the same modifiedOn": {
			read{at(2), customer(1, at(1), "was")}, read{at(3), gone(customer(1, at(1), "was"))},
			"was", true, events.Counts{Deleted: 1}, 0,
		},
		"deleted, but changed since": {
			read{at(2), customer(1, at(2), "is")}, read{at(3), gone(customer(1, at(1), "was"))},
			"is", false, events.Counts{Unchanged: 1}, 1,
		},
		"deleted again": {
			read{at(2), gone(customer(1, at(1), "was"))}, read{at(3), gone(customer(1, at(1), "was"))},
			"was", true, events.Counts{Unchanged: 1}, 0,
		},
		"deleted and changed while deleted": {
			read{at(2), gone(customer(1, at(1), "was"))}, read{at(3), gone(customer(1, at(2), "then"))},
			"then", true, events.Counts{Updated: 1}, 0,
		},
		"revived": {
			read{at(2), gone(customer(1, at(1), "was"))}, read{at(3), customer(1, at(2), "is")},
			"is", false, events.Counts{Updated: 1}, 1,
		},
		"revived unchanged": {
			read{at(2), gone(customer(1, at(1), "is"))}, read{at(3), customer(1, at(1), "is")},
			"is", false, events.Counts{Updated: 1}, 1,
		},
		"read before the deletion": {
			read{at(3), gone(customer(1, at(1), "was"))}, read{at(2), customer(1, at(2), "is")},
			"was", true, events.Counts{Unchanged: 1}, 0,
		},
		"read before the deletion, same version": {
			read{at(3), gone(customer(1, at(1), "was"))}, read{at(2), customer(1, at(1), "was")},
			"was", true, events.Counts{Unchanged: 1}, 0,
		},
	}
	f := newFixture(t)
	c := find(t, "customers")
	run := f.beginFull("r", "customers")
	at, id := f.open(run, c), 0
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id++
			tt.first.record.ID, tt.second.record.ID = fmt.Sprint(id), fmt.Sprint(id)
			liveBefore := f.state(c).Records
			before := f.storePage(run, c, at, page(tt.first.at, "1", false, tt.first.record))
			require.Equal(t, at.Inserted+1, before.Inserted)
			at = f.storePage(run, c, before, page(tt.second.at, "2", false, tt.second.record))

			v := f.version(id)
			require.Equal(t, tt.want, v.Name)
			require.Equal(t, tt.deleted, v.Deleted)
			tt.counts.Pages, tt.counts.Fetched = 1, 1
			require.Equal(t, tt.counts, counts(before, at))
			require.Equal(t, tt.live, f.state(c).Records-liveBefore)
		})
	}
}
