package compare

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store"
)

// Result is the result of comparing one entity.
type Result struct {
	Entity      string
	Records     int // in the simulated ServiceTitan, including deleted ones
	Rows        int // in PostgreSQL, including deleted ones
	Equal       int
	Gone        int          // correctly deleted rows: their list no longer has them
	Differences []Difference // the first few
}

// Matched reports whether records and rows correspond and are equal, except for correctly
// deleted rows.
func (r Result) Matched() bool { return r.Equal == r.Records && r.Equal+r.Gone == r.Rows }

// Difference describes a record and a row that differ.
type Difference struct {
	Key  string
	What string
}

func (d Difference) String() string { return d.Key + ": " + d.What }

// keep is the maximum number of differences per entity in a result.
const keep = 20

func (r *Result) differ(key, what string) {
	if len(r.Differences) < keep {
		r.Differences = append(r.Differences, Difference{key, what})
	}
}

// Entities compares all records of entities of a tenant. The data must not change meanwhile, and
// all records must fit into memory.
func Entities(ctx context.Context, simulatorURL string, db *store.Store, tenant string, names []string) ([]Result, error) {
	results := make([]Result, len(names))
	all, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		e, ok := entity.Find(name)
		if !ok {
			return nil, fmt.Errorf("compare %q: no such entity", name)
		}
		results[i].Entity = name
		all.Go(func() error { return compareEntity(ctx, simulatorURL, db, tenant, e, &results[i]) })
	}
	return results, all.Wait()
}

func compareEntity(ctx context.Context, simulatorURL string, db *store.Store, tenant string, e entity.Entity, result *Result) error {
	wanted, err := readRecords(ctx, simulatorURL, e.Name)
	if err != nil {
		return err
	}
	result.Records = len(wanted)
	err = db.Rows(ctx, events.TenantID(tenant), e, func(key string, _ time.Time, deleted bool, data []byte) error {
		result.Rows++
		want, exists := wanted[key]
		delete(wanted, key)
		switch {
		case !exists && deleted && e.Export == "":
			result.Gone++
			return nil
		case !exists:
			result.differ(key, "is in PostgreSQL and not in ServiceTitan")
			return nil
		}
		what, err := difference(want, record{deleted, data})
		if err != nil {
			return fmt.Errorf("%s %s: %w", e.Name, key, err)
		}
		if what == "" {
			result.Equal++
		} else {
			result.differ(key, what)
		}
		return nil
	})
	for _, key := range slices.SortedFunc(maps.Keys(wanted), byNumber) {
		result.differ(key, "is not in PostgreSQL")
	}
	return err
}

// byNumber compares keys, which are numbers for most entities.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// record is a record or a row.
type record struct {
	deleted bool
	json    []byte
}

// readRecords returns the simulator's records by key.
func readRecords(ctx context.Context, simulatorURL, entity string) (map[string]record, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, simulatorURL+"/_admin/records/"+entity, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the simulated ServiceTitan's %s: got %s, want 200", entity, response.Status)
	}
	records := map[string]record{}
	for lines := bufio.NewReaderSize(response.Body, 1<<16); ; {
		line, err := lines.ReadBytes('\n') // one object a line
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return records, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the simulated ServiceTitan's memory: %w", err)
		}
		fields := gjson.GetManyBytes(line, "key", "deleted", "record")
		if fields[0].Type != gjson.String || !fields[1].IsBool() || !fields[2].IsObject() {
			return nil, fmt.Errorf("read the simulated ServiceTitan's memory: got %s, want a key, deleted and a record", short(string(line)))
		}
		if _, twice := records[fields[0].Str]; twice {
			return nil, fmt.Errorf("read the simulated ServiceTitan's memory: two records of %s have the key %s", entity, fields[0].Str)
		}
		records[fields[0].Str] = record{fields[1].Bool(), []byte(fields[2].Raw)}
	}
}

func difference(want, got record) (string, error) {
	if want.deleted != got.deleted {
		return fmt.Sprintf("deleted is %t in PostgreSQL, want %t", got.deleted, want.deleted), nil
	}
	for _, side := range []record{want, got} {
		if !gjson.ValidBytes(side.json) {
			return "", fmt.Errorf("not JSON: %s", short(string(side.json)))
		}
	}
	return unequal("", gjson.ParseBytes(want.json), gjson.ParseBytes(got.json)), nil
}
