package fakeslack

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"
)

// What Slack takes at most: characters of a text object, of the top-level text and of all
// blocks together, blocks in a message, elements in a context block, attachments
// (https://docs.slack.dev/reference/block-kit/blocks,
// https://github.com/slackapi/bolt-js/issues/2509).
const (
	maxText        = 3000
	maxTop         = 40000
	maxTogether    = 12000
	maxBlocks      = 50
	maxElements    = 10
	maxAttachments = 100
)

var (
	errPayload = errors.New("invalid_payload")
	errNoText  = errors.New("no_text")
	errBlocks  = errors.New("invalid_blocks")
	errTooLong = errors.New("msg_blocks_too_long")
	errAttach  = errors.New("too_many_attachments")
)

type payload struct {
	Channel     string       `json:"channel"`
	TS          string       `json:"ts"`
	Text        string       `json:"text"`
	Blocks      []block      `json:"blocks"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Text   string  `json:"text"`
	Blocks []block `json:"blocks"`
}

// block is as much of a block as is checked.
type block struct {
	Type     string  `json:"type"`
	Text     *object `json:"text"`
	Fields   []any   `json:"fields"`
	Elements []any   `json:"elements"`
}

type object struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// parse reads what Slack reads of a message, and refuses what Slack refuses.
func parse(body []byte) (Message, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return Message{}, errPayload
	}
	if p.Text == "" && len(p.Blocks) == 0 && len(p.Attachments) == 0 {
		return Message{}, errNoText
	}
	if utf8.RuneCountInString(p.Text) > maxTop {
		return Message{}, errPayload
	}
	if len(p.Attachments) > maxAttachments {
		return Message{}, errAttach
	}
	blocks := p.Blocks
	for _, a := range p.Attachments {
		blocks = append(blocks, a.Blocks...)
	}
	if err := check(blocks); err != nil {
		return Message{}, err
	}
	return Message{ReceivedAt: time.Now(), Channel: p.Channel, Text: p.Text, TS: p.TS, Body: body}, nil
}

func check(blocks []block) error {
	if len(blocks) > maxBlocks {
		return errBlocks
	}
	together := 0
	for _, b := range blocks {
		if b.Type == "" || b.Type == "section" && b.Text == nil && len(b.Fields) == 0 {
			return errBlocks
		}
		if b.Type == "context" && (len(b.Elements) == 0 || len(b.Elements) > maxElements) {
			return errBlocks
		}
		for _, o := range b.texts() {
			n := utf8.RuneCountInString(o.Text)
			if n == 0 || n > maxText || o.Type != "mrkdwn" && o.Type != "plain_text" {
				return errBlocks
			}
			together += n
		}
	}
	if together > maxTogether {
		return errTooLong
	}
	return nil
}

// texts are the text objects of a section or a context.
func (b block) texts() []object {
	var list []object
	if b.Text != nil {
		list = append(list, *b.Text)
	}
	for _, e := range b.Elements {
		if fields, ok := e.(map[string]any); ok && fields["type"] != "image" {
			kind, _ := fields["type"].(string)
			text, _ := fields["text"].(string)
			list = append(list, object{kind, text})
		}
	}
	return list
}
