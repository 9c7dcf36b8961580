package simulator

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
)

const defaultPageSize = 50

// listPage answers a call of a list.
func (s *Simulator) listPage(c *collection, values url.Values, fault Fault) answer {
	p := parameters{values: values}
	page := p.number("page", 1, 1, math.MaxInt32)
	size := p.number("pageSize", defaultPageSize, 1, entity.MaxPageSize)
	count := p.flag("includeTotal")
	q := query{match: p.filter(c), order: p.sorting(c), skip: (page - 1) * size, limit: size, count: count}
	if p.errors != nil {
		return s.problem(http.StatusBadRequest, "One or more validation errors occurred.", p.errors)
	}
	records, more, total := c.list(q)
	if fault.Kind == faultEmptyHasMore {
		records, more = nil, true
	}

	out := pens.Get().(*pen)
	out.buf = append(out.buf[:0], '{')
	out.int("page", int64(page))
	out.int("pageSize", int64(size))
	out.flag("hasMore", more)
	if count {
		out.int("totalCount", int64(total))
	} else {
		out.null("totalCount")
	}
	out.records(records, (*record).appendList, fault)
	return out.answer(len(records))
}

// records writes the array data, with what a fault puts into it.
func (p *pen) records(records []*record, write func(*record, []byte) []byte, fault Fault) {
	p.array("data", func() {
		if fault.Kind == faultBadRecord {
			for _, bad := range badRecords {
				p.comma()
				p.buf = append(p.buf, bad...)
			}
		}
		for _, r := range records {
			p.comma()
			p.buf = write(r, p.buf)
		}
		if fault.Kind == faultRepeatRecord && len(records) > 0 {
			p.comma()
			p.buf = write(records[0], p.buf)
		}
	})
}

func (p *pen) answer(records int) answer {
	p.buf = append(p.buf, '}')
	return answer{status: http.StatusOK, body: p.buf, records: records, buffer: p}
}

// filter is what the list's parameters select, nil where that is everything.
func (p *parameters) filter(c *collection) func(*record) bool {
	const never, always = ticks(math.MinInt64), ticks(math.MaxInt64)
	modifiedFrom, modifiedBefore := p.moment("modifiedOnOrAfter", never), p.moment("modifiedBefore", always)
	createdFrom, createdBefore := p.moment("createdOnOrAfter", never), p.moment("createdBefore", always)
	byModified := modifiedFrom != never || modifiedBefore != always
	byCreated := createdFrom != never || createdBefore != always
	active, inactive := p.states(c)
	ids := p.ids("ids")
	if !byModified && !byCreated && active && inactive && ids == nil {
		return nil
	}
	return func(r *record) bool {
		switch {
		case r.Inactive && !inactive, !r.Inactive && !active:
			return false
		case byModified && (r.Dateless || r.Modified < modifiedFrom || r.Modified >= modifiedBefore):
			return false
		case byCreated && (r.Created < createdFrom || r.Created >= createdBefore):
			return false
		}
		return ids == nil || slices.Contains(ids, r.id)
	}
}

// states says which records the list shows: active, inactive or both. A list
// without such a parameter shows whatever was not deleted.
func (p *parameters) states(c *collection) (active, inactive bool) {
	switch name := c.States.Name; name {
	case "":
		return true, c.Inactive != entity.Deleted
	case "activeState":
		choice := p.choice(name, "ActiveOnly", "InactiveOnly", "All")
		return choice != "InactiveOnly", choice != "ActiveOnly"
	default:
		choice := p.choice(name, "True", "Any", "False")
		return choice != "False", choice != "True"
	}
}

// sorting is the order that sort asks for, nil for that of ids.
func (p *parameters) sorting(c *collection) func(a, b *record) int {
	text := p.values.Get("sort")
	if text == "" || text == "+Id" {
		return nil
	}
	field := strings.TrimLeft(text, "+-")
	if len(field) != len(text)-1 || !slices.Contains(c.sorts, field) {
		p.bad("sort", "The value '%s' is not valid for Sort.", text)
		return nil
	}
	direction := 1
	if text[0] == '-' {
		direction = -1
	}
	return func(a, b *record) int { return direction * a.compareBy(field, b) }
}

// compareBy orders by a field that the list can be sorted by. How priorities
// compare is not documented; they are accepted and leave the order of ids.
func (r *record) compareBy(field string, other *record) int {
	switch field {
	case "ModifiedOn":
		return r.position().compare(other.position())
	case "CreatedOn":
		return cmp.Or(cmp.Compare(r.Created, other.Created), cmp.Compare(r.id, other.id))
	default:
		return cmp.Compare(r.id, other.id)
	}
}
