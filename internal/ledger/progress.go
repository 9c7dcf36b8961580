package ledger

import (
	"encoding/json"

	"github.com/lazi/lazisync/events"
)

// Progress is the progress of a run as its workflow reports it. It is the answer to the query
// "progress" of a workflow.
type Progress struct {
	RunNumber int64            `json:"runNumber"` // 0 before the run begins
	Mode      events.Mode      `json:"mode,omitempty"`
	Paused    bool             `json:"paused"`
	Stopping  string           `json:"stopping,omitempty"` // the state that it is about to end in
	Passes    int              `json:"passes,omitempty"`   // finished passes of an IncrementalSync
	Entities  []EntityProgress `json:"entities"`
}

// EntityProgress is the progress of one entity of a run, as of its last slice.
type EntityProgress struct {
	Entity  string          `json:"entity"`
	Phase   events.Phase    `json:"phase"`
	Status  events.Status   `json:"status,omitempty"`
	Pages   int64           `json:"pages"`
	Records int64           `json:"records"`
	Total   Total           `json:"total"`
	Waiting *events.Waiting `json:"waiting,omitempty"`
}

// Total is the number of records that a read is expected to return. An unknown total is -1 in Go
// and SQL and null in JSON.
type Total int64

// UnknownTotal is the Total of a read that is not counted.
const UnknownTotal Total = -1

// MarshalJSON implements json.Marshaler.
func (t Total) MarshalJSON() ([]byte, error) {
	if t < 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int64(t))
}

// UnmarshalJSON implements json.Unmarshaler. It also accepts -1, which recorded histories and
// workers of earlier versions have for an unknown total.
func (t *Total) UnmarshalJSON(data []byte) error {
	*t = UnknownTotal
	return json.Unmarshal(data, (*int64)(t))
}
