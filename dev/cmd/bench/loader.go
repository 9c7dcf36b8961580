package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"github.com/lazi/lazisync/internal/entity"
)

// bareLoader is what lazisync is compared with: the least that copies the export feeds of a tenant into
// PostgreSQL. It reads each feed one page ahead, and upserts a page in one statement that does not write
// unchanged rows. It has no typed columns, no order of versions, no ledger, no events and no retries.
type bareLoader struct {
	d      *deployment
	tenant string
	token  string
}

// bareTables creates the tables of the loader, empty.
const bareTables = `drop schema if exists bare cascade; create schema bare`

const bareTable = `create table bare.%s (st_id bigint primary key, modified_on timestamptz, full_data jsonb compression %s not null, fetched_at timestamptz not null)`

const bareUpsert = `insert into bare.%s as kept (st_id, modified_on, full_data, fetched_at)
	select (record ->> 'id')::bigint, (record ->> 'modifiedOn')::timestamptz, record, now() from jsonb_array_elements($1::jsonb) record
	on conflict (st_id) do update set modified_on = excluded.modified_on, full_data = excluded.full_data, fetched_at = excluded.fetched_at
	where kept.full_data is distinct from excluded.full_data`

// newBareLoader returns a loader with empty tables. The compression of large documents is pglz, which
// is PostgreSQL's default, or lz4, which lazisync's tables have.
func (d *deployment) newBareLoader(ctx context.Context, tenant, compression string) (*bareLoader, error) {
	statements := []string{bareTables}
	for _, name := range defaultEntities {
		statements = append(statements, fmt.Sprintf(bareTable, name, compression))
	}
	if _, err := d.sql.Exec(ctx, strings.Join(statements, ";")); err != nil {
		return nil, fmt.Errorf("create the tables of the bare loader: %w", err)
	}
	return &bareLoader{d: d, tenant: tenant}, nil
}

// load copies every feed and returns the number of records.
func (l *bareLoader) load(ctx context.Context) (records int, err error) {
	if err := l.fetchToken(ctx); err != nil {
		return 0, err
	}
	counts := make([]int, len(defaultEntities))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range defaultEntities {
		e, _ := entity.Find(name)
		group.Go(func() (err error) {
			counts[i], err = l.loadFeed(ctx, e)
			return err
		})
	}
	err = group.Wait()
	for _, n := range counts {
		records += n
	}
	return records, err
}

// loadFeed stores the pages of a feed while the next page is read.
func (l *bareLoader) loadFeed(ctx context.Context, e entity.Entity) (records int, err error) {
	pages := make(chan gjson.Result, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(pages)
		for token, more := "", true; more; {
			body, err := l.get(ctx, e, token)
			if err != nil {
				return err
			}
			fields := gjson.GetMany(body, "data", "hasMore", "continueFrom")
			token, more = fields[2].Str, fields[1].Bool()
			select {
			case pages <- fields[0]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	group.Go(func() error {
		upsert := fmt.Sprintf(bareUpsert, e.Name)
		for data := range pages {
			if _, err := l.d.sql.Exec(ctx, upsert, data.Raw); err != nil {
				return fmt.Errorf("bare loader: store %s: %w", e.Name, err)
			}
			records += int(gjson.Get(data.Raw, "#").Int())
		}
		return nil
	})
	err = group.Wait()
	return records, err
}

// get reads a page of a feed.
func (l *bareLoader) get(ctx context.Context, e entity.Entity, token string) (string, error) {
	address := l.d.stack.Variable("SERVICETITAN_API_URL") + strings.ReplaceAll(e.Export, "{tenant}", l.tenant) + "?includeRecentChanges=true&from=" + url.QueryEscape(token)
	body, err := l.call(ctx, http.MethodGet, address, nil, http.Header{"Authorization": {"Bearer " + l.token}, "St-App-Key": {"ak." + l.tenant}})
	return string(body), err
}

func (l *bareLoader) fetchToken(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"cid." + l.tenant}, "client_secret": {"cs." + l.tenant}}
	body, err := l.call(ctx, http.MethodPost, l.d.stack.Variable("SERVICETITAN_AUTH_URL")+"/connect/token", strings.NewReader(form.Encode()),
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if l.token = gjson.GetBytes(body, "access_token").Str; err == nil && l.token == "" {
		return errors.New("bare loader: the response has no access_token")
	}
	return err
}

func (l *bareLoader) call(ctx context.Context, method, address string, body io.Reader, header http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("bare loader: %w", err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("bare loader: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return nil, fmt.Errorf("bare loader: read %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("bare loader: %s %s: got %s, want 200", method, address, resp.Status)
	}
	return text.Bytes(), nil
}
