package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/lazi/lazisync/internal/entity"
)

// entityView is an entity as people and programs see it.
type entityView struct {
	Name        string          `json:"name"`
	Table       string          `json:"table"`
	Reads       string          `json:"reads"` // path of the feed or list that a full sync reads
	Incremental entity.Tracking `json:"incremental"`
	Key         []string        `json:"key"`
	KeyType     entity.Key      `json:"keyType"`
	Scope       string          `json:"scope"`
	Columns     []columnView    `json:"columns"`
}

type columnView struct {
	Name string            `json:"name"`
	Path string            `json:"path"`
	Type entity.ColumnType `json:"type"`
}

func viewOf(e entity.Entity) entityView {
	v := entityView{
		Name: e.Name, Table: "raw." + e.Table(), Reads: e.List, Incremental: e.Tracks(), Key: e.Identity(), KeyType: e.Key, Scope: e.Scope,
	}
	if e.Export != "" {
		v.Reads = e.Export
	}
	for _, c := range e.Columns {
		v.Columns = append(v.Columns, columnView(c))
	}
	return v
}

// PrintEntities prints the catalogue.
func PrintEntities(asJSON bool, out io.Writer) error {
	views := make([]entityView, len(entity.Catalogue))
	for i, e := range entity.Catalogue {
		views[i] = viewOf(e)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(views)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENTITY\tINCREMENTAL SEES\tKEY\tSCOPE\tFULL SYNC READS")
	for _, v := range views {
		path := strings.ReplaceAll(v.Reads, "/tenant/{tenant}/", "/…/")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Name, v.Incremental, strings.Join(v.Key, "/"), v.Scope, path)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d entities, each in the table raw.st_ENTITY. Not synced: %d more, see docs/entities.md.\n",
		len(views), len(entity.Excluded))
	return err
}
