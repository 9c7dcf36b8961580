package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/message"
)

// payload is the JSON body of a webhook.
type payload struct {
	Type      string    `json:"type"`      // the subject of the event, such as sync.failed, or notification.digest
	Timestamp time.Time `json:"timestamp"` // when the event occurred; of a digest, when it was sent
	Data      data      `json:"data"`
}

// data is what the notification says.
type data struct {
	Kind    string `json:"kind"`              // outcome, rejected, freshness or digest
	Outcome string `json:"outcome,omitempty"` // completed, failed or cancelled; of freshness, stale or fresh
	details
	Title         string `json:"title"`
	Text          string `json:"text,omitempty"`          // absent in a digest's notifications
	Notifications []data `json:"notifications,omitempty"` // of a digest, the first 20
	Total         int    `json:"total,omitempty"`         // of a digest
}

// details identify the event. They are absent from a digest.
type details struct {
	Tenant     string     `json:"tenant,omitempty"`
	Mode       string     `json:"mode,omitempty"`
	Run        int64      `json:"run,omitempty"`
	WorkflowID string     `json:"workflowId,omitempty"`
	Code       string     `json:"code,omitempty"` // of a rejected command
	EventID    string     `json:"eventId,omitempty"`
	At         *time.Time `json:"at,omitempty"`
	Times      int        `json:"times,omitempty"` // how often the same happened since Since
	Since      *time.Time `json:"since,omitempty"`

	Recovered    int        `json:"recovered,omitempty"` // how many failures, since FailingSince, this completed run ends
	FailingSince *time.Time `json:"failingSince,omitempty"`
}

// The limits keep a body below 40,000 bytes, whatever an event contains.
const (
	nameLimit = 150
	listed    = 20 // notifications of a digest
)

func newPayload(list []notify.Notification, r message.Renderer) payload {
	m := r.Message(list)
	if len(list) == 1 {
		n := list[0]
		p := payload{Type: "sync." + string(n.Outcome), Timestamp: n.At.UTC(), Data: newData(n)}
		p.Data.Title, p.Data.Text = m.Title, m.Text()
		return p
	}
	p := payload{Type: "notification.digest", Timestamp: r.Now.UTC(), Data: data{Kind: "digest", Title: m.Title, Text: m.Text(), Total: len(list)}}
	for _, n := range list[:min(len(list), listed)] {
		one := newData(n)
		one.Title = r.Message([]notify.Notification{n}).Title
		p.Data.Notifications = append(p.Data.Notifications, one)
	}
	return p
}

func newData(n notify.Notification) data {
	at := n.At.UTC()
	d := data{Kind: "outcome", Outcome: string(n.Outcome), details: details{
		Tenant: message.Clip(string(n.Run.TenantID), nameLimit), Mode: message.Clip(string(n.Run.Mode), nameLimit), Run: n.Run.RunNumber,
		WorkflowID: message.Clip(n.Run.WorkflowID, nameLimit), EventID: message.Clip(n.EventID, nameLimit), At: &at, Times: n.Times,
	}}
	switch n.Outcome {
	case notify.Rejected:
		d.Kind, d.Outcome, d.Code = "rejected", "", string(n.Command.Code)
	case notify.Stale, notify.Fresh:
		d.Kind, d.Tenant = "freshness", message.Clip(string(n.Ages.TenantID), nameLimit)
	}
	if n.Recovered > 0 {
		failing := n.FailingSince.UTC()
		d.Recovered, d.FailingSince = n.Recovered, &failing
	}
	if n.Times > 0 {
		since := n.Since.UTC()
		d.Since = &since
	}
	return d
}

// encode keeps <, > and & as they are: escaped they would take six bytes each.
func encode(p payload) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(p)
	return bytes.TrimSpace(b.Bytes()), err
}

// messageID identifies a message. Another attempt to send it has the same ID, so that the
// receiver can discard repetitions. It contains no full stop, which separates the signed
// parts.
func messageID(list []notify.Notification) string {
	h := sha256.New()
	for _, n := range list {
		fmt.Fprintf(h, "%s\x00%d\x00", n.EventID, n.Times)
	}
	return "msg_" + hex.EncodeToString(h.Sum(nil))[:32]
}
