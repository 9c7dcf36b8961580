package compare

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

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
		return c.row(record{ID: number, Deleted: deleted, Record: fullData})
	})
	if err != nil {
		return err
	}
	return c.rest()
}

// record is one of either side.
type record struct {
	ID      int64           `json:"id"`
	Deleted bool            `json:"deleted"`
	Record  json.RawMessage `json:"record"`
}

// comparison goes through both sides at once, each in the order of ids.
type comparison struct {
	memory *memory
	result *Result
	head   *record // the next one of memory, nil at its end
}

func (c *comparison) next() (err error) {
	if c.head, err = c.memory.next(); c.head != nil {
		c.result.Records++
	}
	return err
}

// row compares a row with the record of its id.
func (c *comparison) row(row record) error {
	c.result.Rows++
	for c.head != nil && c.head.ID < row.ID {
		c.differ(c.head.ID, "is not in PostgreSQL")
		if err := c.next(); err != nil {
			return err
		}
	}
	if c.head == nil || c.head.ID > row.ID {
		c.differ(row.ID, "is in PostgreSQL and not in ServiceTitan")
		return nil
	}
	what, err := difference(*c.head, row)
	if err != nil {
		return fmt.Errorf("%s %d: %w", c.result.Entity, row.ID, err)
	}
	if what == "" {
		c.result.Equal++
	} else {
		c.differ(row.ID, what)
	}
	return c.next()
}

// rest are the records after the last row.
func (c *comparison) rest() error {
	for c.head != nil {
		c.differ(c.head.ID, "is not in PostgreSQL")
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
	if want.Deleted != got.Deleted {
		return fmt.Sprintf("deleted is %t in PostgreSQL, want %t", got.Deleted, want.Deleted), nil
	}
	wanted, err := decode(want.Record)
	if err != nil {
		return "", fmt.Errorf("ServiceTitan's record: %w", err)
	}
	stored, err := decode(got.Record)
	if err != nil {
		return "", fmt.Errorf("PostgreSQL's record: %w", err)
	}
	return unequal("", wanted, stored), nil
}

// decode keeps numbers as they are written, digit for digit.
func decode(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
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
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: %w", err)
	}
	return &r, nil
}
