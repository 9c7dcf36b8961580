package compare

import (
	"cmp"
	"context"
	"fmt"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

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

// Entities compares all records of entities of a tenant. The data must not change meanwhile.
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
	memory, err := openMemory(ctx, simulatorURL, e.Name)
	if err != nil {
		return err
	}
	defer memory.Close()
	c := &comparison{wanted: memory, result: result, entity: e}
	rows := func(each func(record) error) error { return eachRow(ctx, db, tenant, e, each) }
	if e.Key == entity.TextID {
		c.wanted, rows, err = sorted(memory, rows)
		if err != nil {
			return err
		}
	}
	if err := c.next(); err != nil {
		return err
	}
	if err := rows(c.row); err != nil {
		return err
	}
	return c.rest()
}

// record is a record or a row.
type record struct {
	key     string
	deleted bool
	json    []byte
}

// records iterates over one side in the order of keys. After the last, next returns nil.
type records interface{ next() (*record, error) }

// comparison merges both sides in the order of keys.
type comparison struct {
	entity entity.Entity
	wanted records
	result *Result
	head   *record // the next wanted record, nil at the end
	last   string  // key of the previous row
}

func (c *comparison) next() (err error) {
	before := c.head
	if c.head, err = c.wanted.next(); err != nil || c.head == nil {
		return err
	}
	c.result.Records++
	if before != nil && c.order(before.key, c.head.key) >= 0 {
		return fmt.Errorf("record %s of %s came after record %s, want the order of keys", c.head.key, c.entity.Name, before.key)
	}
	return nil
}

// order compares two keys: as numbers, or byte by byte.
func (c *comparison) order(a, b string) int {
	if c.entity.Key == entity.Int64ID {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

// row compares a row with the record that has its key.
func (c *comparison) row(row record) error {
	if c.result.Rows > 0 && c.order(c.last, row.key) >= 0 {
		return fmt.Errorf("row %s of %s came after row %s, want the order of keys", row.key, c.entity.Name, c.last)
	}
	c.last = row.key
	c.result.Rows++
	for c.head != nil && c.order(c.head.key, row.key) < 0 {
		c.differ(c.head.key, "is not in PostgreSQL")
		if err := c.next(); err != nil {
			return err
		}
	}
	if c.head == nil || c.head.key != row.key {
		if row.deleted && c.entity.Export == "" {
			c.result.Gone++
		} else {
			c.differ(row.key, "is in PostgreSQL and not in ServiceTitan")
		}
		return nil
	}
	what, err := difference(*c.head, row)
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.entity.Name, row.key, err)
	}
	if what == "" {
		c.result.Equal++
	} else {
		c.differ(row.key, what)
	}
	return c.next()
}

// rest reports the records after the last row as missing.
func (c *comparison) rest() error {
	for c.head != nil {
		c.differ(c.head.key, "is not in PostgreSQL")
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) differ(key, what string) {
	if len(c.result.Differences) < keep {
		c.result.Differences = append(c.result.Differences, Difference{key, what})
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
