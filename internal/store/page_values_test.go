package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store"
)

// requireSameAsCasts compares the values that a page brings with those that PostgreSQL casts. It
// returns the number of values of which the page is certain.
func requireSameAsCasts(f *fixture, c entity.Column, documents ...string) int {
	f.Helper()
	usual, parameter, sqlType, _ := store.ReadValues(c, documents...)
	var differences []string
	require.NoError(f, f.db.QueryRow(f.Context(), fmt.Sprintf(`
		select coalesce(array_agg(format('%%s is %%s, want %%s', full_data::text, value, wanted)), '{}')
		from (select full_data, value::%[1]s, %[2]s as wanted from unnest($1::jsonb[], $2::%[3]s[]) as page (full_data, value)) values
		where value is distinct from wanted or value::text is distinct from wanted::text`, c.Type, store.PickSQL(c), sqlType),
		usual, parameter).Scan(&differences))
	require.Empty(f, differences)
	return len(usual)
}

var columnTypes = []entity.ColumnType{entity.Text, entity.Bigint, entity.Numeric, entity.Boolean, entity.Timestamptz}

func TestValuesOfAPageAreThoseOfTheCasts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, kind := range columnTypes {
		var documents []string
		for _, tests := range casts {
			for _, tt := range tests {
				documents = append(documents, `{"other": {"v": 1}, "v": `+tt.json+`}`, `{"v": {"w": `+tt.json+`}}`)
			}
		}
		documents = append(documents,
			`{}`, `{"V": 1}`, `{"v": 1, "v": "x"}`, `{"\u0076": "x"}`, `{"v": "a\u0027b\/\ud83d\ude00\n\\"}`, `{"v": {"w": 1}, "v": {"x": 2}}`, `{"v": [{"w": 1}]}`,
			`{"v": {"w": 1, "w": {"x": 1}}}`, `{"v": -0}`, `{"v": -0.50}`, `{"v": -0.00}`, `{"v": 0.10}`, `{"v": 100000000000000000000000000000000000000}`,
			`{"v": "2026-03-01T5:04:05Z"}`, `{"v": "2026-03-01T5:04:05.123Z"}`, `{"v": "2026-03-01T12:00:00,5Z"}`, `{"v": "2026-03-01T12:00:60Z"}`, `{"v": "2026-03-01T24:00:00Z"}`,
			`{"v": "2024-02-29T12:00:00.999999999999Z"}`, `{"v": "1582-10-10T00:00:00.Z"}`, `{"v": "1582-10-10T00:00:00Z"}`, `{"v": "2026-03-01t12:00:00Z"}`,
		)
		for _, path := range []string{"v", "v.w"} {
			requireSameAsCasts(f, entity.Column{Name: "c", Path: path, Type: kind}, documents...)
		}
	}
}

// TestUsualValuesNeedNoCast keeps pages fast: these are the forms in which ServiceTitan sends fields.
func TestUsualValuesNeedNoCast(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for kind, values := range map[entity.ColumnType][]string{
		entity.Text:        {`"a"`, `""`, `"caf\u00e9"`, `12`, `12.50`, `-3`, `true`, `null`},
		entity.Bigint:      {`1`, `-7`, `9223372036854775807`, `"12"`, `""`, `null`},
		entity.Numeric:     {`1`, `12.50`, `-0.01`, `123456789012345678.90`, `"12.50"`, `"-7"`, `""`, `null`},
		entity.Boolean:     {`true`, `false`, `""`, `null`},
		entity.Timestamptz: {`"2026-02-11T16:04:52Z"`, `"2026-02-11T16:04:52.9137221Z"`, `"2024-02-29T00:00:00.1Z"`, `""`, `null`},
	} {
		documents := []string{`{}`}
		for _, v := range values {
			documents = append(documents, `{"v": `+v+`}`)
		}
		require.Equal(t, len(documents), requireSameAsCasts(f, entity.Column{Name: "c", Path: "v", Type: kind}, documents...), kind)
	}
}

// TestRandomValuesOfAPageAreThoseOfTheCasts mutates usual values.
func TestRandomValuesOfAPageAreThoseOfTheCasts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	seeds := []string{`"2026-02-11T16:04:52.9137221Z"`, `"2026-12-31T23:59:59Z"`, `-120.50`, `9223372036854775807`, `"12.5"`, `"true"`, `1.5`, `0.0`, `"a b"`}
	const alphabet = `0123456789-+.:,TtZz eE"\utrfalsn `
	random := rand.New(rand.NewPCG(1, 2))
	var documents []string
	for len(documents) < 20_000 {
		text := []byte(seeds[random.IntN(len(seeds))])
		for range 1 + random.IntN(2) {
			at, with := random.IntN(len(text)), alphabet[random.IntN(len(alphabet))]
			switch random.IntN(3) {
			case 0:
				text[at] = with
			case 1:
				text = append(text[:at], text[at+1:]...)
			default:
				text = append(text[:at], append([]byte{with}, text[at:]...)...)
			}
			if len(text) == 0 {
				text = []byte("0")
			}
		}
		if d := `{"v": ` + string(text) + `}`; isDocument(d) {
			documents = append(documents, d)
		}
	}
	for _, kind := range columnTypes {
		certain := requireSameAsCasts(f, entity.Column{Name: "c", Path: "v", Type: kind}, documents...)
		require.NotZero(t, certain, kind)
	}
}

// isDocument reports whether a text is JSON that jsonb takes.
func isDocument(text string) bool {
	return json.Valid([]byte(text)) && !strings.Contains(text, `\u`)
}
