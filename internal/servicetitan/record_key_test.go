package servicetitan

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestJoinedKeys(t *testing.T) {
	t.Parallel()
	e := entity.Entity{Key: entity.TextID, KeyFields: []string{"a", "b"}}
	half := strings.Repeat("x", 128)
	for record, want := range map[string]string{
		`{"a":1,"b":2}`:                                   "1/2",
		`{"b":"two","a":1}`:                               "1/two",
		`{"a":"1/2","b":"3"}`:                             "1%2F2/3",
		`{"a":"1","b":"2/3"}`:                             "1/2%2F3",
		`{"a":"1%2F2","b":"3"}`:                           "1%252F2/3",
		`{"a":1,"b":2,"b":3}`:                             "1/3",
		`{"a":1}`:                                         "b is missing, want an integer",
		`{"a":null,"b":2}`:                                "a is null, want an integer",
		`{"a":1,"b":""}`:                                  `b is "", want a string of 1 to 256 bytes`,
		`{"a":1.5,"b":"x"}`:                               "a is 1.5, want an integer",
		`{"a":"` + half + `","b":"` + half + `"}`:         "a and b have 257 bytes in total, want at most 256",
		`{"a":"` + half + `","b":"` + half[:127] + `"}`:   half + "/" + half[:127],
		`{"a":{"id":1},"b":2}`:                            "a is an object, want an integer",
		`{"id":7,"other":{"a":1,"b":2},"a":true,"b":"x"}`: "a is true, want an integer",
	} {
		page := decode(t, e, record)
		if len(page.Rejected) == 1 {
			require.Contains(t, page.Rejected[0].Reason, want, record)
			require.Empty(t, page.Records)
			continue
		}
		require.Equal(t, want, page.Records[0].ID, record)
	}
}
