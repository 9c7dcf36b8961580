package message

import (
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/notify"
)

// Message is the text about one notification, or a digest of several.
type Message struct {
	Title    string
	Sections []string
	Footer   string
	Outcome  notify.Outcome // the most severe one, for a color or an icon
}

// Text returns the whole message.
func (m Message) Text() string {
	lines := append([]string{m.Title}, m.Sections...)
	return strings.Join(append(lines, m.Footer), "\n")
}

// Markup is how a channel marks up text. The zero value is plain text.
type Markup struct {
	Bold    string                        // written before and after a bold text
	Escapes map[rune]string               // characters that the channel would interpret
	Link    func(url, name string) string // default: the name, and the URL in parentheses
}

func (m Markup) link(url, name string) string {
	if m.Link == nil {
		return name + " (" + url + ")"
	}
	return m.Link(url, name)
}

// Renderer renders notifications as text of less than 10,000 bytes.
type Renderer struct {
	Markup Markup
	RunURL string // link to a run, with the placeholders {workflowId}, {runId} and {runNumber}; may be empty
	Now    time.Time
}

// Message renders one notification, or a digest of several that share a channel.
func (r Renderer) Message(list []notify.Notification) Message {
	if len(list) > 1 {
		return r.digest(list)
	}
	n := list[0]
	body := r.run
	switch n.Outcome {
	case notify.Rejected:
		body = r.command
	case notify.Stale, notify.Fresh:
		body = r.ages
	}
	m := Message{Title: r.title(n), Outcome: n.Outcome}
	m.Sections, m.Footer = body(n)
	return m
}

func (r Renderer) bold(s string) string { return r.Markup.Bold + s + r.Markup.Bold }
