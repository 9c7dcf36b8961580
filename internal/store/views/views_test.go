package views

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

// digests are the digests of all definitions, by version. A changed definition needs a new version,
// so that databases with views of a later version keep them after a rollback.
var digests = map[int]string{
	1: "77e0e5ce838559e9",
}

func TestChangedDefinitionsHaveANewVersion(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, v := range All {
		all.WriteString(v.Name + " " + v.Digest() + "\n")
	}
	sum := sha256.Sum256([]byte(all.String()))
	require.Equal(t, digests[Version], hex.EncodeToString(sum[:8]), "raise Version, unless no release has it, and add the digest here")
	require.Len(t, digests, Version)
}

func TestDefinitionsAreComplete(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, v := range All {
		require.False(t, names[v.Name], v.Name)
		names[v.Name] = true
		_, ok := entity.Find(v.Entity)
		require.True(t, ok, v.Entity)
		require.Regexp(t, `^[A-Z].*\.$`, v.Doc, v.Name)
		columns := map[string]bool{}
		lists := map[string]bool{}
		for _, c := range v.Describe() {
			require.False(t, columns[c.Name], "%s.%s", v.Name, c.Name)
			columns[c.Name] = true
			require.Regexp(t, `^[a-z][a-z_]+$`, c.Name, v.Name)
			require.Regexp(t, `\.$`, c.Doc, "%s.%s", v.Name, c.Name)
			if list, _, ok := strings.Cut(c.Path, elementMark); ok {
				lists[list] = true
			}
		}
		require.LessOrEqual(t, len(lists), 1, "%s has rows of one array", v.Name)
		require.True(t, columns["modified_on"], "%s: readers of changes need it", v.Name)
		require.NotContains(t, v.Query(), "fingerprint", "a migration recreates the column")
		require.NotContains(t, v.Query(), "raw.to_timestamptz", "it is not safe in parallel queries")
	}
}

func TestCommentsHaveVersionAndDigest(t *testing.T) {
	t.Parallel()
	for _, v := range All {
		version, digest, ok := ParseComment(v.Comment())
		require.True(t, ok)
		require.Equal(t, Version, version)
		require.Equal(t, v.Digest(), digest)
	}
	for _, comment := range []string{"", "Our customers.", "lazisync view, version x", fmt.Sprintf("(%s1)", marker)} {
		_, _, ok := ParseComment(comment)
		require.False(t, ok, comment)
	}
}

// A field with a typed column is read from it: that needs no decompression of the record.
func TestTypedColumnsAreRead(t *testing.T) {
	t.Parallel()
	for _, v := range All {
		if v.Name == "invoices" {
			require.Contains(t, v.Query(), `t."total" as "total"`)
			require.Contains(t, v.Query(), `raw.to_numeric(t.full_data -> 'discountTotal') as "discount_total"`)
			require.Contains(t, v.Query(), `(t."invoice_date" at time zone 'UTC')::date as "invoice_date"`)
		}
	}
}
