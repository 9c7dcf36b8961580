package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
)

// eraseView is an erasure as `lazisync erase --json` prints it. Its JSON is public.
type eraseView struct {
	TenantID   events.TenantID      `json:"tenantId"`
	Entity     string               `json:"entity"`
	ID         string               `json:"id"`
	Erased     bool                 `json:"erased"`  // false: nothing was changed
	Records    []erasedRecordView   `json:"records"` // the record, and those that exist only for it
	Places     []erasedPlaceView    `json:"places"`
	Kept       []keptMessageView    `json:"kept"`     // messages that cannot be erased
	Blockers   []string             `json:"blockers"` // why it cannot be erased now
	References []eraseReferenceView `json:"references"`
}

type erasedRecordView struct {
	Entity string `json:"entity"`
	ID     string `json:"id"`
}

type erasedPlaceView struct {
	Place  string `json:"place"`
	Count  int64  `json:"count"`
	Effect string `json:"effect"`
}

type keptMessageView struct {
	Stream   string     `json:"stream"`
	Sequence uint64     `json:"sequence"`
	Expires  *time.Time `json:"expires,omitempty"`
	Why      string     `json:"why"`
}

type eraseReferenceView struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Rows   int64  `json:"rows"`
	SQL    string `json:"sql"`
}

func (e *erasing) view() eraseView {
	v := eraseView{
		TenantID: e.TenantID, Entity: e.Entity.Name, ID: e.ID, Erased: e.apply,
		Records: []erasedRecordView{}, Places: []erasedPlaceView{}, Kept: []keptMessageView{},
		Blockers: append([]string{}, e.report.Blockers...), References: []eraseReferenceView{},
	}
	for _, r := range e.report.Records {
		v.Records = append(v.Records, erasedRecordView(r))
	}
	for _, p := range e.report.Places {
		v.Places = append(v.Places, erasedPlaceView{p.Place, p.Count, string(p.How)})
	}
	for _, m := range e.kept {
		k := keptMessageView{Stream: m.Stream, Sequence: m.Sequence, Why: m.Kept}
		if !m.Expires.IsZero() {
			k.Expires = new(m.Expires.UTC())
		}
		v.Kept = append(v.Kept, k)
	}
	for _, r := range e.report.References {
		v.References = append(v.References, eraseReferenceView{r.Table, r.Column, r.Rows, r.SQL})
	}
	return v
}

// print prints the erasure for people.
func (v eraseView) print(out io.Writer) error {
	what := fmt.Sprintf("%s %s of tenant %s", v.Entity, v.ID, v.TenantID)
	switch {
	case len(v.Places) == 0:
		fmt.Fprintf(out, "There is nothing to erase of %s.\n", what)
	case v.Erased:
		fmt.Fprintf(out, "Erased %s.\n", what)
	default:
		fmt.Fprintf(out, "Would erase %s. Nothing was changed; --yes erases.\n", what)
	}
	if len(v.Records) > 1 {
		names := make([]string, len(v.Records)-1)
		for i, r := range v.Records[1:] {
			names[i] = r.Entity + " " + r.ID
		}
		fmt.Fprintf(out, "With the records that exist only for it: %s.\n", display.OneLine(strings.Join(names, ", ")))
	}
	if len(v.Places) > 0 {
		t := &table{header: []string{"PLACE", "COUNT", "EFFECT"}}
		for _, p := range v.Places {
			t.add(p.Place, display.Thousands(p.Count), p.Effect)
		}
		fmt.Fprintln(out)
		if err := t.print(out, terminalWidth(out)); err != nil {
			return err
		}
	}
	return v.printRest(out)
}

// printRest prints what is kept, and what else is to be done.
func (v eraseView) printRest(out io.Writer) error {
	for _, m := range v.Kept {
		expires := ""
		if m.Expires != nil {
			expires = "; the stream removes it at " + m.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(out, "\nKept: message %d of %s, because %s%s.\n", m.Sequence, m.Stream, m.Why, expires)
	}
	for _, b := range v.Blockers {
		fmt.Fprintf(out, "\nNot possible now: %s.\n", display.OneLine(b))
	}
	if len(v.References) > 0 {
		fmt.Fprintln(out, "\nOther records refer to it and may name the person. They are kept; erase those that you need not keep:")
		for _, r := range v.References {
			fmt.Fprintf(out, "  %s in %s.%s: %s\n", display.Count(r.Rows, "row"), r.Table, r.Column, r.SQL)
		}
	}
	_, err := fmt.Fprintln(out, "\nIf ServiceTitan still shows the record, the next sync stores it again: erase or anonymize it there first.\n"+
		"Backups, replicas, logs, Slack and programs that read the data are not reached, see docs/privacy.md.")
	return err
}
