package simulator

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
)

const defaultPageSize = 50

// listPage responds to a request to a list. If only is not nil, it selects the records.
func (s *Simulator) listPage(k *kind, c *collection, values url.Values, fault Fault, only func(*record) bool) response {
	p := parameters{values: values}
	page, size := 1, math.MaxInt32
	first := 1
	if k.firstPageIsZero {
		page, first = 0, 0
	}
	if k.shape.paged() {
		page = p.number("page", first, first, math.MaxInt32)
		size = p.number("pageSize", defaultPageSize, 1, k.maxPage)
	}
	count := p.flag("includeTotal", false) || k.shape == tenantEnvelope
	p.require(k.requiresOneOf)
	q := query{match: both(p.filter(k), only), order: p.sorting(k), skip: (page - first) * size, limit: size, count: count}
	if p.errors != nil {
		return s.problem(http.StatusBadRequest, "One or more validation errors occurred.", p.errors)
	}
	if fault.Kind == faultSamePage {
		q.skip = 0
	}
	records, more, total := c.list(q)
	switch fault.Kind {
	case faultEmptyHasMore:
		records, more = nil, true
	case faultSamePage:
		more = true
	}
	if !k.shape.paged() {
		size = len(records)
	}
	e := envelope{page, size, more, count, total}
	a := s.write(k, e, records, fault)
	a.ignored = p.ignored()
	return a
}

// envelope is the part of a page around its records.
type envelope struct {
	page, size int
	more       bool
	counted    bool
	total      int
}

// write writes a page in the shape of its list.
func (s *Simulator) write(k *kind, e envelope, records []*record, fault Fault) response {
	out := jsonWriters.Get().(*jsonWriter)
	out.buf = out.buf[:0]
	if k.shape != bare {
		out.buf = append(out.buf, '{')
		s.head(out, k.shape, e)
		out.key("data")
	}
	out.records(k, records, (*record).appendList, s.added.of(k.name), fault)
	if k.shape != bare {
		out.buf = append(out.buf, '}')
	}
	return out.response(len(records))
}

// head writes the part before the records.
func (s *Simulator) head(out *jsonWriter, shape shape, e envelope) {
	switch shape {
	case enveloped, unpaged:
		out.int("page", int64(e.page))
		out.int("pageSize", int64(e.size))
		out.flag("hasMore", e.more)
		if e.counted {
			out.int("totalCount", int64(e.total))
		} else {
			out.null("totalCount")
		}
	case tenantEnvelope:
		out.int("tenantId", s.options.Tenant)
		out.text("tenantName", "simulated-"+strconv.FormatInt(s.options.Tenant, 10))
		out.int("totalCount", int64(e.total))
	}
}

// records writes an array of records with added fields, changed by a fault.
func (p *jsonWriter) records(k *kind, records []*record, write func(*record, []byte) []byte, added []byte, fault Fault) {
	p.buf = append(p.buf, '[')
	if fault.Kind == faultBadRecord {
		for _, bad := range badRecords(k) {
			p.comma()
			p.buf = append(p.buf, bad...)
		}
	}
	for i, r := range records {
		p.comma()
		p.buf = appendAdded(write(r, p.buf), added)
		if i == 0 && fault.Kind == faultBadJSON {
			p.buf = fmt.Appendf(p.buf[:len(p.buf)-1], `,"spoilt":%s}`, fault.invalidValue())
		}
	}
	if fault.Kind == faultRepeatRecord && len(records) > 0 {
		p.comma()
		p.buf = appendAdded(write(records[0], p.buf), added)
	}
	p.buf = append(p.buf, ']')
}

func (p *jsonWriter) response(records int) response {
	return response{status: http.StatusOK, body: p.buf, records: records, buffer: p}
}
