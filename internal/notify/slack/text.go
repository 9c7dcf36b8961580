package slack

import "strings"

// escaped are the three characters that are special to Slack. Escaped, <!channel> or
// <@someone> in a customer's name is only text.
var escaped = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// plain returns the message as text, for the log.
func (m payload) plain() string {
	return unescape.Replace(m.lines())
}

// lines returns the texts of the message without emphasis. They stay escaped, so that a
// receiver turns nothing in them into a mention or a link.
func (m payload) lines() string {
	lines := []string{m.Text}
	for _, a := range m.Attachments {
		for _, b := range a.Blocks {
			if b.Text != nil {
				lines = append(lines, b.Text.Text)
			}
			for _, e := range b.Elements {
				lines = append(lines, e.Text)
			}
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "*", "")
}

// plainMessage is a message without blocks, for a receiver that rejects them.
type plainMessage struct {
	Channel string `json:"channel,omitempty"`
	TS      string `json:"ts,omitempty"`
	Text    string `json:"text"`
	Parse   string `json:"parse"`
}

func (m payload) asText() plainMessage {
	return plainMessage{Channel: m.Channel, TS: m.TS, Text: m.lines(), Parse: m.Parse}
}
