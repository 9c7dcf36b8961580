package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
)

// entityView is an entity as `lazisync entities` prints it. Its JSON is public.
type entityView struct {
	Name        string          `json:"name"`
	Table       string          `json:"table"`
	Reads       string          `json:"reads"` // path of the feed or list that a full sync reads
	Export      *exportView     `json:"export,omitempty"`
	List        *listView       `json:"list,omitempty"`
	Incremental entity.Tracking `json:"incremental"`
	Deletions   string          `json:"deletions,omitempty"` // how deleted records are detected
	Gone        string          `json:"gone,omitempty"`      // deprecated name of deletions
	Key         []string        `json:"key"`
	KeyType     entity.Key      `json:"keyType"`
	Scope       string          `json:"scope"`
	Columns     []columnView    `json:"columns"`
}

// exportView describes the requests of the export feed.
type exportView struct {
	Path   string `json:"path"`
	States string `json:"states,omitempty"` // parameter for records in every state
}

// listView describes the requests of the list.
type listView struct {
	Path      string       `json:"path"`
	Shape     entity.Shape `json:"shape"`
	FirstPage *int         `json:"firstPage,omitempty"` // absent if one response has all records
	PageSize  *int         `json:"pageSize,omitempty"`  // likewise
	States    string       `json:"states,omitempty"`    // parameter for records in every state
	From      string       `json:"from,omitempty"`      // parameter for the start of the range of modification times
	Before    string       `json:"before,omitempty"`    // parameter for its end
	Sort      string       `json:"sort,omitempty"`      // value of the parameter sort
	IDs       bool         `json:"ids,omitempty"`       // whether it takes the parameter ids
}

type columnView struct {
	Name string            `json:"name"`
	Path string            `json:"path"`
	Type entity.ColumnType `json:"type"`
}

func viewOf(e entity.Entity) entityView {
	v := entityView{
		Name: e.Name, Table: "raw." + e.Table(), Reads: e.List, Incremental: e.Tracks(), Deletions: e.DeletionDetection(), Gone: e.DeletionDetection(),
		Key: e.Identity(), KeyType: e.Key, Scope: e.Scope,
	}
	if e.List != "" {
		v.List = &listView{
			Path: e.List, Shape: e.Shape, States: parameter(e.States), From: e.Filter.From, Before: e.Filter.Before, Sort: e.Sort, IDs: e.IDs,
		}
		if !e.Unpaged {
			v.List.FirstPage, v.List.PageSize = new(e.FirstPage()), new(e.LargestPage())
		}
	}
	if e.Export != "" {
		v.Reads, v.Export = e.Export, &exportView{Path: e.Export, States: parameter(e.ExportStates)}
	}
	for _, c := range e.Columns {
		v.Columns = append(v.Columns, columnView(c))
	}
	return v
}

func parameter(p entity.QueryParam) string {
	if p.Name == "" {
		return ""
	}
	return p.Name + "=" + p.Value
}

// PrintEntities prints the catalogue.
func PrintEntities(asJSON bool, out io.Writer) error {
	views := entityViews()
	if asJSON {
		return json.NewEncoder(out).Encode(views)
	}
	if err := entitiesTable(views).print(out, terminalWidth(out)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d entities, each in the table raw.st_ENTITY. Not synced: %d more, see docs/entities.md.\n",
		len(views), len(entity.Excluded))
	return err
}

func entityViews() []entityView {
	views := make([]entityView, len(entity.Catalogue))
	for i, e := range entity.Catalogue {
		views[i] = viewOf(e)
	}
	return views
}

func entitiesTable(views []entityView) *table {
	t := &table{
		header:   []string{"ENTITY", "INCREMENTAL SEES", "KEY", "SCOPE", "FULL SYNC READS"},
		flexible: 4, least: 16, optional: []int{2, 4, 3},
	}
	for _, v := range views {
		path := strings.ReplaceAll(v.Reads, "/tenant/{tenant}/", "/…/")
		t.add(v.Name, string(v.Incremental), strings.Join(v.Key, "/"), v.Scope, path)
	}
	return t
}
