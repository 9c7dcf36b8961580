package compare

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store"
)

// eachRow calls each with every row of an entity, in the order of ids in PostgreSQL. The row is
// valid only during the call.
func eachRow(ctx context.Context, db *store.Store, tenant string, e entity.Entity, each func(record) error) error {
	return db.Rows(ctx, events.TenantID(tenant), e, func(id string, _ time.Time, deleted bool, fullData []byte) error {
		return each(record{id, deleted, fullData})
	})
}

// sorted sorts both sides by the bytes of their keys, because PostgreSQL sorts strings by its
// collation and the simulator by number. All records must fit into memory; entities with many
// records have numbers as ids.
func sorted(memory *memory, rows func(func(record) error) error) (records, func(func(record) error) error, error) {
	var wanted list
	for {
		r, err := memory.next()
		if err != nil {
			return nil, nil, err
		}
		if r == nil {
			break
		}
		wanted = append(wanted, *r)
	}
	var got list
	err := rows(func(r record) error {
		r.json = bytes.Clone(r.json)
		got = append(got, r)
		return nil
	})
	wanted.sort()
	got.sort()
	return &wanted, got.each, err
}

// list is one side in memory.
type list []record

func (l list) sort() { slices.SortFunc(l, func(a, b record) int { return cmp.Compare(a.key, b.key) }) }

func (l *list) next() (*record, error) {
	if len(*l) == 0 {
		return nil, nil
	}
	first := (*l)[0]
	*l = (*l)[1:]
	return &first, nil
}

func (l list) each(do func(record) error) error {
	for _, r := range l {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// memory reads the simulator's records, one JSON object per line.
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

func (m *memory) next() (*record, error) {
	line, err := m.lines.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: %w", err)
	}
	fields := gjson.GetManyBytes(line, "key", "deleted", "record")
	if fields[0].Type != gjson.String || !fields[1].IsBool() || !fields[2].IsObject() {
		return nil, fmt.Errorf("read the simulated ServiceTitan's memory: got %s, want a key, deleted and a record", short(string(line)))
	}
	return &record{fields[0].Str, fields[1].Bool(), []byte(fields[2].Raw)}, nil
}
