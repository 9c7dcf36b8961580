package simulator

import (
	"encoding/json"
	"strconv"
	"time"
)

// ticks is a time in the resolution of ServiceTitan: units of 100 ns since 1970.
type ticks int64

const timestampLayout = "2006-01-02T15:04:05.0000000Z"

const ticksPerSecond = 10_000_000

func ticksOf(t time.Time) ticks { return ticks(t.Unix()*ticksPerSecond + int64(t.Nanosecond()/100)) }

func (t ticks) time() time.Time {
	return time.Unix(int64(t)/ticksPerSecond, int64(t)%ticksPerSecond*100).UTC()
}

// midnight is the beginning of the day, as calendar dates are written.
func (t ticks) midnight() ticks { return ticksOf(t.time().Truncate(24 * time.Hour)) }

// jsonWriter writes JSON into a buffer. It writes forms for which encoding/json has no types
// (250.0, "250.00", seven fractional digits), and is fast enough to write a million records
// at start.
type jsonWriter struct{ buf []byte }

func (p *jsonWriter) comma() {
	if n := len(p.buf); n > 0 && p.buf[n-1] != '{' && p.buf[n-1] != '[' {
		p.buf = append(p.buf, ',')
	}
}

func (p *jsonWriter) key(name string) {
	p.comma()
	p.buf = append(p.buf, '"')
	p.buf = append(p.buf, name...)
	p.buf = append(p.buf, '"', ':')
}

func (p *jsonWriter) quoted(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // a string can always be encoded
			p.buf = append(p.buf, text...)
			return
		}
	}
	p.buf = append(p.buf, '"')
	p.buf = append(p.buf, s...)
	p.buf = append(p.buf, '"')
}

func (p *jsonWriter) text(name, value string) { p.key(name); p.quoted(value) }

func (p *jsonWriter) int(name string, value int64) {
	p.key(name)
	p.buf = strconv.AppendInt(p.buf, value, 10)
}

func (p *jsonWriter) flag(name string, value bool) {
	p.key(name)
	p.buf = strconv.AppendBool(p.buf, value)
}

func (p *jsonWriter) null(names ...string) {
	for _, name := range names {
		p.key(name)
		p.buf = append(p.buf, "null"...)
	}
}

// number writes hundredths as a JSON number with at least one digit after the point.
func (p *jsonWriter) number(name string, hundredths int64) {
	p.key(name)
	p.buf = appendHundredths(p.buf, hundredths)
	if p.buf[len(p.buf)-1] == '0' {
		p.buf = p.buf[:len(p.buf)-1]
	}
}

// money writes hundredths as a JSON string with two digits after the point.
func (p *jsonWriter) money(name string, hundredths int64) {
	p.key(name)
	p.buf = append(p.buf, '"')
	p.buf = append(appendHundredths(p.buf, hundredths), '"')
}

func appendHundredths(buf []byte, n int64) []byte {
	if n < 0 {
		buf, n = append(buf, '-'), -n
	}
	buf = strconv.AppendInt(buf, n/100, 10)
	return append(buf, '.', byte('0'+n/10%10), byte('0'+n%10))
}

func (p *jsonWriter) degrees(name string, value float64) {
	p.key(name)
	p.buf = strconv.AppendFloat(p.buf, value, 'f', 4, 64)
}

func (p *jsonWriter) time(name string, t ticks) {
	p.key(name)
	p.buf = append(p.buf, '"')
	p.buf = t.time().AppendFormat(p.buf, timestampLayout)
	p.buf = append(p.buf, '"')
}

// date writes a calendar value: midnight, without a fraction.
func (p *jsonWriter) date(name string, t ticks) {
	p.key(name)
	p.buf = append(p.buf, '"')
	p.buf = t.midnight().time().AppendFormat(p.buf, time.RFC3339)
	p.buf = append(p.buf, '"')
}

func (p *jsonWriter) object(name string, fields func()) {
	p.key(name)
	p.bare(fields)
}

func (p *jsonWriter) array(name string, elements func()) {
	p.key(name)
	p.buf = append(p.buf, '[')
	elements()
	p.buf = append(p.buf, ']')
}

// element writes an object inside an array.
func (p *jsonWriter) element(fields func()) {
	p.comma()
	p.bare(fields)
}

func (p *jsonWriter) bare(fields func()) {
	p.buf = append(p.buf, '{')
	fields()
	p.buf = append(p.buf, '}')
}

func (p *jsonWriter) ints(name string, values ...int64) {
	p.array(name, func() {
		for _, v := range values {
			p.comma()
			p.buf = strconv.AppendInt(p.buf, v, 10)
		}
	})
}

// named writes the object {id, name} with which invoices refer to other records.
func (p *jsonWriter) named(field string, id int64, name string) {
	p.object(field, func() {
		p.int("id", id)
		p.text("name", name)
	})
}
