package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/internal/entity"
)

func TestFieldPolicyIsParsed(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 32)
	cfg, err := Load(complete("SYNC_FIELDS= employees.hourlyRate = drop;\ncustomers.address.street=hash;;customers.address.zip=keep ;", "SYNC_FIELDS_KEY="+key), worker)
	require.NoError(t, err)
	require.Equal(t, []entity.FieldRule{
		{Entity: "customers", Path: "address.street", Action: entity.HashField},
		{Entity: "customers", Path: "address.zip", Action: entity.KeepField},
	}, cfg.Sync.Fields.Rules()[:2])
	require.Equal(t, Secret(key), cfg.Sync.FieldsKey)
	require.Equal(t, "***", cfg.Value("SYNC_FIELDS_KEY").Text)
}

// Each problem of a policy is reported, with the rule, what is wrong and what is expected.
func TestProblemsOfAFieldPolicy(t *testing.T) {
	t.Parallel()
	_, err := Load(complete("SYNC_FIELDS=employes.hourlyRate=drop;customers.id=drop;customers.name=erase;invoices.items[0].sku=drop;"+
		"customers.name=drop;customers.NAME=hash;invoices.*=hash;jobs.total=hash"), worker)
	for _, want := range []string{
		`"employes.hourlyRate=drop": unknown entity "employes" (did you mean "employees"?)`,
		`"customers.id=drop": lazisync needs id of each record, want another field`,
		`"customers.name=erase": unknown action "erase", want drop, hash or keep`,
		`"invoices.items[0].sku=drop": got the name "items[0]", want the name of a field or *, without indexes of arrays: items.sku is sku of each item`,
		`"customers.NAME=hash": a second rule for the field, want one`,
		"invoices.total=hash: column total of the field is numeric and cannot hold a hash, want drop or keep",
		"invoices.customer.id=hash: column customer_id of the field is bigint and cannot hold a hash, want drop or keep",
		"jobs.total=hash: column total of the field is numeric and cannot hold a hash, want drop or keep",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "column active")
	require.NotContains(t, err.Error(), "reference_number")
}

func TestAFieldPolicyThatHashesNeedsAKey(t *testing.T) {
	t.Parallel()
	const hash = "SYNC_FIELDS=customers.name=hash;employees.*.phone=drop;customers.address=hash"
	reads := worker
	reads.ReadsRecords = true
	_, err := Load(complete(hash), reads)
	require.ErrorContains(t, err, "1 problem")
	require.ErrorContains(t, err, "SYNC_FIELDS_KEY: not set, want a key of at least 32 characters, because SYNC_FIELDS hashes customers.address, customers.name")
	_, err = Load(complete(hash, "SYNC_FIELDS_KEY=tooshort-key"), reads)
	require.ErrorContains(t, err, "1 problem")
	require.ErrorContains(t, err, "SYNC_FIELDS_KEY: got \"***\", want at least 32 characters")
	require.NotContains(t, err.Error(), "tooshort-key")
	for _, environ := range [][]string{
		complete(hash, "SYNC_FIELDS_KEY="+strings.Repeat("k", 32)), complete("SYNC_FIELDS=customers.name=drop"), complete("SYNC_FIELDS_KEY=" + strings.Repeat("k", 32)),
	} {
		_, err = Load(environ, reads)
		require.NoError(t, err)
	}
	_, err = Load(complete(hash), worker) // a role that reads no records needs no key
	require.NoError(t, err)
}

// FuzzFieldPolicy parses any text: it never panics, and what it accepts is parsed to the same rules again.
func FuzzFieldPolicy(f *testing.F) {
	for _, seed := range []string{"employees.hourlyRate=drop;customers.address.street=hash", "customers.*=drop;customers.name=keep", "customers.a.*.b=hash\ncustomers.*.c=drop", "=;.=x;*.*=*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c, again Config
		if err := fieldPolicy(&c, text); err != nil {
			return
		}
		var rules []string
		for _, r := range c.Sync.Fields.Rules() {
			e, known := entity.Find(r.Entity)
			require.True(t, known)
			require.NoError(t, r.Check(e))
			rules = append(rules, r.String())
		}
		require.NotEmpty(t, rules)
		require.NoError(t, fieldPolicy(&again, strings.Join(rules, ";")))
		require.Equal(t, c, again)
	})
}
