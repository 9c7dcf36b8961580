package compare

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store"
)

// Result is what became of one entity.
type Result struct {
	Entity      string
	Records     int // in the simulated ServiceTitan, deleted ones too
	Rows        int // in PostgreSQL, likewise
	Equal       int
	Differences []Difference // the first few
}

// Matched says whether every record has its row, every row its record, and all are equal.
func (r Result) Matched() bool { return r.Equal == r.Records && r.Equal == r.Rows }

// Difference is a record that is not as it should be.
type Difference struct {
	ID   int64
	What string
}

func (d Difference) String() string { return fmt.Sprintf("%d: %s", d.ID, d.What) }

// keep is how many differences of an entity are told.
const keep = 5

// Entities compares whole entities of a tenant. Nothing should change meanwhile.
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
	c := &comparison{memory: memory, result: result}
	if err := c.next(); err != nil {
		return err
	}
	err = db.Rows(ctx, tenant, e, func(id string, _ time.Time, deleted bool, fullData []byte) error {
		number, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return fmt.Errorf("row of %s: id %q, want a number", e.Name, id)
		}
		return c.row(record{number, deleted, fullData})
	})
	if err != nil {
		return err
	}
	return c.rest()
}

// record is one of either side.
type record struct {
	id      int64
	deleted bool
	json    []byte
}

// comparison goes through both sides at once, each in the order of ids.
type comparison struct {
	memory *memory
	result *Result
	head   *record // the next one of memory, nil at its end
	last   int64   // id of the row before
}

func (c *comparison) next() (err error) {
	if c.head, err = c.memory.next(); c.head != nil {
		c.result.Records++
	}
	return err
}

// row compares a row with the record of its id.
func (c *comparison) row(row record) error {
	if row.id <= c.last && c.result.Rows > 0 {
		return fmt.Errorf("row %d of %s came after row %d, want the order of ids", row.id, c.result.Entity, c.last)
	}
	c.last = row.id
	c.result.Rows++
	for c.head != nil && c.head.id < row.id {
		c.differ(c.head.id, "is not in PostgreSQL")
		if err := c.next(); err != nil {
			return err
		}
	}
	if c.head == nil || c.head.id > row.id {
		c.differ(row.id, "is in PostgreSQL and not in ServiceTitan")
		return nil
	}
	what, err := difference(*c.head, row)
	if err != nil {
		return fmt.Errorf("%s %d: %w", c.result.Entity, row.id, err)
	}
	if what == "" {
		c.result.Equal++
	} else {
		c.differ(row.id, what)
	}
	return c.next()
}

// rest are the records after the last row.
func (c *comparison) rest() error {
	for c.head != nil {
		c.differ(c.head.id, "is not in PostgreSQL")
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) differ(id int64, what string) {
	if len(c.result.Differences) < keep {
		c.result.Differences = append(c.result.Differences, Difference{id, what})
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

// memory reads the simulated ServiceTitan's records, one JSON object a line.
type memory struct {
	io.Closer
	lines *bufio.Reader
}

func openMemory(ctx context.Context, simulatorURL, entity string) (*memory, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, simulatorURL+"/_admin/records/"+entity, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("read the simulated ServiceTitan's %s: got %s, want 200", entity, response.Status), response.Body.Close())
	}
	return &memory{response.Body, bufio.NewReaderSize(response.Body, 1<<16)}, nil
}

// next returns nil at the end.
func (m *memory) next() (*record, error) {
	line, err := m.lines.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: %w", err)
	}
	fields := gjson.GetManyBytes(line, "id", "deleted", "record")
	if fields[0].Type != gjson.Number || !fields[1].IsBool() || !fields[2].IsObject() {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: got %s, want an id, deleted and a record", short(string(line)))
	}
	return &record{fields[0].Int(), fields[1].Bool(), []byte(fields[2].Raw)}, nil
}
