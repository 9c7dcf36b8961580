package entity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rulesOf parses path=action for customers.
func rulesOf(text string) (rules []FieldRule) {
	for part := range strings.SplitSeq(text, ";") {
		path, action, _ := strings.Cut(part, "=")
		rules = append(rules, FieldRule{"customers", path, FieldAction(action)})
	}
	return rules
}

func TestWhichRuleOfAFieldPolicyCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rules, path, want string }{
		{"name=drop", "name", "drop"},
		{"name=drop", "type", "keep"},
		{"name=drop", "NAME", "drop"},
		{"Name=drop", "name", "drop"},
		{"name=drop", "\u212aame", "keep"},
		{"rank=drop", "ran\u212a", "drop"}, // the Kelvin sign is a K
		{"address=drop", "address.street", "drop"},
		{"address.street=drop", "address", "keep"},
		{"address=drop;address.zip=keep", "address.zip", "keep"},
		{"address=drop;address.zip=keep", "address.zip.code", "keep"},
		{"address=hash;address.zip=drop", "address.city", "hash"},
		{"address.*=hash", "address.city", "hash"},
		{"address.*=hash", "address", "keep"},
		{"address.*=hash;address.zip=keep", "address.zip", "keep"},
		{"*.phone=drop", "contact.phone", "drop"},
		{"*.phone=drop;contact.name=hash", "contact.phone", "drop"}, // another rule for the object is no way around it
		{"*.phone=drop;contact=keep", "contact.phone", "drop"},      // the longer path counts
		{"a.*.c=drop;a.b.d=hash", "a.b.c", "drop"},
		{"a.*.*.d=drop;a.b.c.e=hash", "a.b.c.d", "drop"},
		{"a.*.c=drop;a.b.c=hash", "a.b.c", "hash"},
		{"*=drop", "name", "drop"},
		{"*=drop", "id", "keep"},
		{"*=drop", "ModifiedOn", "keep"},
		{"*=drop", "active", "keep"},
		{"*.*=drop", "active", "keep"},
		{"*=drop;address.zip=keep", "address.zip", "keep"},
		{"*=drop;address.zip=keep", "address.city", "drop"},
	} {
		policy := NewFieldPolicy(rulesOf(c.rules))
		require.Equal(t, FieldAction(c.want), policy.Of("customers").actionAt(strings.Split(c.path, ".")), "%s: %s", c.rules, c.path)
	}
}

func TestTextOfAFieldPolicy(t *testing.T) {
	t.Parallel()
	require.Equal(t, NewFieldPolicy(rulesOf("name=drop;address.Zip=hash")).Text("customers"), NewFieldPolicy(rulesOf("address.zip=hash;name=drop")).Text("customers"))
	require.NotEqual(t, NewFieldPolicy(rulesOf("name=drop")).Text("customers"), NewFieldPolicy(rulesOf("name=hash")).Text("customers"))
	require.Empty(t, NewFieldPolicy(rulesOf("name=drop")).Text("jobs"))
	require.Empty(t, NewFieldPolicy(rulesOf("name=keep;type=keep")).Text("customers"), "it keeps everything")
	require.Nil(t, NewFieldPolicy(rulesOf("name=keep")).Of("customers"))
	require.Empty(t, FieldPolicy{}.Text("customers"))
	require.False(t, FieldPolicy{}.Hashes(""))
}

// Every entity accepts a rule for each of its typed columns, except those that identify its records or say
// whether they are deleted.
func TestFieldRulesOfEveryEntity(t *testing.T) {
	t.Parallel()
	for _, e := range Catalogue {
		require.Error(t, FieldRule{e.Name, strings.ToUpper(e.Identity()[0]), DropField}.Check(e), e.Name)
		for _, c := range e.Columns {
			err := FieldRule{e.Name, c.Path, DropField}.Check(e)
			needed := false
			for _, field := range e.EngineFields() {
				needed = needed || field == strings.Split(c.Path, ".")[0]
			}
			require.Equal(t, needed, err != nil, "%s.%s: %v", e.Name, c.Path, err)
		}
	}
}
