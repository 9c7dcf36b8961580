package jsonscan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/jsonscan"
)

var texts = []string{
	``, ` `, `null`, ` true `, `false`, `nul`, `truex`, `0`, `-0`, `01`, `1.`, `1.5`, `.5`, `-`, `1e5`, `1E+05`, `1e`, `1e+`, `+1`, `12345678901234567890`,
	`""`, `"a"`, `"a`, `"a\"b"`, `"\u00e9"`, `"\u00g9"`, `"\u00"`, `"\x"`, "\"a\tb\"", "\"\x7f\"", "\"\x80\xff\"", `"12345678"`, `"1234567é"`, `"12345678\n"`, `"\`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1,2]`, `[[],{}]`, `[`, `]`, `[1}`, `{]`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{"a" : [ {"b":null} ] , "c":"d"}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `{"\u0061":1}`, `{"a":1}}`, `1 2`, "\ufeff1",
}

func FuzzValid(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		require.Equal(t, json.Valid(data), jsonscan.Valid(data), "%q", data)
	})
}

func TestNesting(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{1, 9_999, 10_000, 10_001} {
		for _, brackets := range []string{"[]", "{}"} {
			inner := strings.Repeat(brackets[:1], depth)
			if brackets == "{}" {
				inner = strings.Repeat(`{"a":`, depth-1) + "{"
			}
			text := inner + strings.Repeat(brackets[1:], depth)
			require.Equal(t, json.Valid([]byte(text)), jsonscan.Valid([]byte(text)), "%d %s", depth, brackets)
		}
	}
}

// FuzzFields compares the fields of an object with those of another parser.
func FuzzFields(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(`{"v":` + text + `,"\u0077":[` + text + `]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := jsonscan.Scanner{Data: data}
		var got, want []string
		end := s.Fields(s.Space(0), func(key []byte, value int) int {
			end := s.Value(value)
			if s.Is(value, '[') {
				require.Equal(t, end, s.Elements(value, s.Value))
			}
			if end >= 0 {
				got = append(got, fmt.Sprintf("%q %s", key, data[value:end]))
			}
			return end
		})
		isObject := json.Valid(data) && s.Is(s.Space(0), '{')
		require.Equal(t, isObject, end >= 0 && s.Space(end) == len(data))
		if !isObject {
			return
		}
		gjson.ParseBytes(data).ForEach(func(key, value gjson.Result) bool {
			want = append(want, fmt.Sprintf("%q %s", key.Str, value.Raw))
			return true
		})
		require.Equal(t, want, got)
	})
}

func TestWhatStringsContain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]bool{
		`{"a": ["b", 1]}`: {false, false}, `{"a\n": 1}`: {true, false}, `["\u00e9"]`: {true, false}, `["é"]`: {false, true}, `{"é": "\\"}`: {true, true},
	} {
		s := jsonscan.Scanner{Data: []byte(text)}
		require.Equal(t, len(text), s.Value(0))
		require.Equal(t, want, [2]bool{s.Escapes, s.NonASCII}, text)
	}
}

// BenchmarkValid compares the scanner with other checks of the same records, in turn.
func BenchmarkValid(b *testing.B) {
	record := `{"id":12,"active":true,"name":"Dana Whitfield","address":{"street":"4821 Maple Ave","unit":null,"latitude":34.1466},` +
		`"customFields":[{"typeId":1187,"name":"Gate code","value":"4471"}],"createdOn":"2021-07-19T20:35:38.2876004Z"}`
	data := []byte("[" + strings.TrimSuffix(strings.Repeat(record+",", 5000), ",") + "]")
	for name, valid := range map[string]func([]byte) bool{"jsonscan": jsonscan.Valid, "encoding-json": json.Valid, "gjson": gjson.ValidBytes} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				require.True(b, valid(data))
			}
		})
	}
}
