package slack

// payload is the JSON body of a post to a Slack incoming webhook, or of a message of a bot.
type payload struct {
	Channel     string       `json:"channel,omitempty"` // of webhooks, only older ones honour it
	TS          string       `json:"ts,omitempty"`      // the message that a bot edits
	Text        string       `json:"text"`
	Parse       string       `json:"parse"`
	UnfurlLinks bool         `json:"unfurl_links"`
	UnfurlMedia bool         `json:"unfurl_media"`
	Attachments []attachment `json:"attachments"`
}

// attachment contains the blocks, because only an attachment has a color.
type attachment struct {
	Color  string  `json:"color"`
	Blocks []block `json:"blocks"`
}

type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Elements []text `json:"elements,omitempty"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
	// Verbatim keeps Slack from turning text such as #name or example.com into links.
	Verbatim bool `json:"verbatim"`
}

func markdown(s string) text { return text{Type: "mrkdwn", Text: s, Verbatim: true} }

func section(s string) block {
	t := markdown(s)
	return block{Type: "section", Text: &t}
}

func footer(s string) block { return block{Type: "context", Elements: []text{markdown(s)}} }
