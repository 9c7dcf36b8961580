package slack

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const ellipsis = "…"

// escaped are the three characters that are special to Slack. Escaped, <!channel> or
// <@someone> in a customer's name is only text.
var escaped = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// clip escapes a text and truncates it to a number of bytes, never within a character or an
// escape. Slack counts characters, of which there are never more than bytes.
func clip(s string, limit int) string {
	var out strings.Builder
	cut := 0 // bytes that fit together with an ellipsis
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		piece, ok := escaped[r]
		if !ok {
			piece = string(r)
		}
		if out.Len()+len(piece) > limit {
			return out.String()[:cut] + ellipsis
		}
		out.WriteString(piece)
		if out.Len()+len(ellipsis) <= limit {
			cut = out.Len()
		}
	}
	return out.String()
}

// oneLine joins lines and removes control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

// plain returns the message as text, for the log.
func (m message) plain() string {
	return unescape.Replace(m.lines())
}

// lines returns the texts of the message without emphasis. They stay escaped, so that a
// receiver turns nothing in them into a mention or a link.
func (m message) lines() string {
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
	Text    string `json:"text"`
	Parse   string `json:"parse"`
}

func (m message) asText() plainMessage {
	return plainMessage{Channel: m.Channel, Text: m.lines(), Parse: m.Parse}
}

// count returns a number with its noun.
func count(n int64, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return thousands(n) + " " + noun
}

// thousands formats 1234567 as 1,234,567.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// duration formats the two largest units.
func duration(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
