package events_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestByteOrderMarkOfACommandIsIgnored(t *testing.T) {
	t.Parallel()
	const bom, data, structured = "\xef\xbb\xbf", `{"mode":"full"}`, `{"specversion":"1.0","id":"1","source":"/x","type":"com.lazi.sync.requested.v1",`
	binary := map[string][]string{
		"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/x"}, "ce-type": {"com.lazi.sync.requested.v1"}, "Content-Type": {"application/json"},
	}
	for name, m := range map[string]events.Message{
		"bare":                    {Data: []byte(bom + data)},
		"bare, with a type":       {Data: []byte(bom + data), Header: map[string][]string{"Content-Type": {"application/json"}}},
		"structured":              {Data: []byte(bom + structured + `"data":` + data + `}`)},
		"structured, with a type": {Data: []byte(bom + structured + `"data":` + data + `}`), Header: map[string][]string{"Content-Type": {events.ContentType}}},
		"base64":                  {Data: []byte(structured + `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(bom+data)) + `"}`)},
		"binary":                  {Data: []byte(bom + data), Header: binary},
	} {
		m.Subject, m.Stream, m.Sequence, m.Stored = "sync.requested", "SYNC_COMMANDS", 7, time.Unix(1, 0)
		event, err := events.Decode(m)
		require.NoError(t, err, name)
		request, err := events.Requested.Data(event)
		require.NoError(t, err, name)
		require.Equal(t, events.Full, request.Mode, name)
	}
	_, err := events.Decode(events.Message{Subject: "sync.requested", Data: []byte(bom + bom + data)})
	require.ErrorContains(t, err, "invalid JSON", "one alone")
}
