package simulator_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/simulator"
)

func TestAddedFieldsAreInEveryRecordOfTheEntity(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Options{RecordsPerEntity: 20})
	status, body := a.admin(t, "POST", "fields", `{"entity":"customers","field":"loyalty","value":{"tier":"gold"}}`)
	require.Equal(t, http.StatusNoContent, status, body)
	require.NoError(t, a.AddField("customers", "second", "2"))
	for path, want := range map[string]int{customersList + "?active=Any": 20, customersExport: 20, jobsList: 0} {
		_, body := a.get(t, path)
		require.True(t, gjson.ValidBytes(body), "%s", body)
		require.Len(t, gjson.GetBytes(body, `data.#.loyalty.tier`).Array(), want, path)
		require.Len(t, gjson.GetBytes(body, `data.#.second`).Array(), want, path)
	}
	_, records := a.admin(t, "GET", "records/customers", "")
	require.Len(t, gjson.Get(records, `..#.record.loyalty.tier`).Array(), 20)

	for body, want := range map[string]string{
		`{"entity":"clients","field":"a","value":1}`:  `entity "clients" is not simulated`,
		`{"entity":"jobs","field":"","value":1}`:      "field is empty, want a name",
		`{"entity":"jobs","field":"a"}`:               `value is "", want JSON`,
		`{"entity":"jobs","name":"a","value":"none"}`: `unknown field "name"`,
	} {
		status, text := a.admin(t, "POST", "fields", body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, text, want)
	}
}
