package slack

import (
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/notify"
	"github.com/lazi/lazisync/internal/notify/message"
)

var colors = map[notify.Outcome]string{
	notify.Completed: "#2eb67d", notify.Failed: "#e01e5a", notify.Cancelled: "#ecb22e", notify.Rejected: "#ecb22e",
	notify.Stale: "#e01e5a", notify.Fresh: "#2eb67d",
}

// markup is Slack's mrkdwn.
var markup = message.Markup{
	Bold: "*", Escapes: escaped,
	Link: func(url, name string) string { return "<" + inLink.Replace(url) + "|" + name + ">" },
}

// inLink escapes the characters that would end a URL between < and |.
var inLink = strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;")

// render returns the body of a post about one notification, or of a digest of several.
func render(list []notify.Notification, runURL string, now time.Time) payload {
	m := message.Renderer{Markup: markup, RunURL: runURL, Now: now}.Message(list)
	var blocks []block
	for _, text := range m.Sections {
		blocks = append(blocks, section(text))
	}
	blocks = append(blocks, footer(m.Footer))
	return payload{
		Channel: list[0].To, Text: m.Title, Parse: "none",
		Attachments: []attachment{{Color: colors[m.Outcome], Blocks: blocks}},
	}
}
