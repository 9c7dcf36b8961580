package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

var someEntities = []string{"customers", "jobs", "job-types", "invoices"}

func TestEntityListsAreParsedAlikeEverywhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"customers":                     {"customers"},
		"customers,jobs":                {"customers", "jobs"},
		"customers, jobs":               {"customers", "jobs"},
		" customers ,\tjobs \n":         {"customers", "jobs"},
		"jobs,customers,jobs":           {"jobs", "customers"},
		"*":                             {"*"},
		" * ":                           {"*"},
		"*,*":                           {"*"},
		"job-types , invoices,invoices": {"job-types", "invoices"},
	} {
		got, err := events.ParseEntities(text, someEntities)
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, got, "%q", text)
	}
}

func TestEntityListErrorsNameEachEntry(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                  `got "" with an empty name, want names of entities separated by commas`,
		"customers,":        `got "customers," with an empty name, want names of entities separated by commas`,
		"customers,, jobs":  `got "customers,, jobs" with an empty name, want names of entities separated by commas`,
		"custmers, jbos":    "got \"custmers\", want a known entity (did you mean customers?)\ngot \"jbos\", want a known entity (did you mean jobs?)",
		"customers jobs":    `got "customers jobs", want a known entity; lazisync entities lists them`,
		"Customers":         `got "Customers", want a known entity (did you mean customers?)`,
		"customers,*":       `got "*", want "*" alone, or names`,
		"somethingelsehere": `got "somethingelsehere", want a known entity; lazisync entities lists them`,
	} {
		_, err := events.ParseEntities(text, someEntities)
		require.EqualError(t, err, want, "%q", text)
	}
}
