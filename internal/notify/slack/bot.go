package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lazi/lazisync/internal/notify"
)

// DefaultAPIURL is the address of Slack's web API.
const DefaultAPIURL = "https://slack.com/api"

// bot sends messages with a bot token. It posts one message per incident and edits it, until the
// incident ends.
type bot struct {
	sender *Sender // renders and posts
	token  string
	apiURL string
	state  notify.State
}

func newBot(o Options, s *Sender) (*bot, error) {
	b := &bot{sender: s, token: o.Token, apiURL: strings.TrimSuffix(cmp.Or(o.APIURL, DefaultAPIURL), "/"), state: o.State}
	if b.state == nil {
		b.state = &notify.LocalState{}
	}
	return b, notify.WebhookURL(b.apiURL).Check("Slack API")
}

// incidentMessage is what is known of the message of an incident in a channel.
type incidentMessage struct {
	Channel   string    `json:"channel,omitempty"` // its ID: a name is not enough to edit a message
	TS        string    `json:"ts,omitempty"`      // ID of the message; "" if there is none yet
	At        time.Time `json:"at"`                // time of the event that it shows
	BusyUntil time.Time `json:"busyUntil"`         // a notifier posts or edits it
}

// busyFor is longer than posting takes, with all timeouts. After a crash, another notifier
// posts the message then.
const busyFor = time.Minute

// busyRetry is the delay after which a notification is retried that another notifier's hinders.
const busyRetry = 2 * time.Second

// send sends what belongs to incidents, then one message about all others. Another attempt
// repeats nothing of the former.
func (b *bot) send(ctx context.Context, list []notify.Notification) error {
	var incidents, others []notify.Notification
	for _, n := range list {
		same := slices.IndexFunc(incidents, func(i notify.Notification) bool { return i.Incident.Key == n.Incident.Key })
		switch {
		case n.Incident.Key == "":
			others = append(others, n)
		case same < 0:
			incidents = append(incidents, n)
		case n.At.After(incidents[same].At):
			incidents[same] = n
		}
	}
	for _, n := range incidents {
		if err := b.sendIncident(ctx, n); err != nil {
			return err
		}
	}
	if len(others) == 0 {
		return nil
	}
	return b.call(ctx, others, &incidentMessage{})
}

// sendIncident posts the message of an incident or edits it, unless it shows a later event.
func (b *bot) sendIncident(ctx context.Context, n notify.Notification) error {
	if n.Incident.Failures > 1 && n.Outcome == notify.Failed {
		n.Times, n.Since = n.Incident.Failures, n.Incident.Since
	}
	key := "messages/" + n.To + "/" + n.Incident.Key
	var message incidentMessage
	var isOld, isBusy bool
	now := b.sender.now()
	err := notify.Update(ctx, b.state, key, func(saved *incidentMessage) {
		message, isOld, isBusy = *saved, !n.At.After(saved.At), saved.BusyUntil.After(now)
		if !isOld && !isBusy {
			saved.BusyUntil = now.Add(busyFor)
		}
	})
	switch {
	case err != nil:
		b.sender.logger.Warn().Err(err).Str("channel", n.To).Msg("message of the incident unknown, sending another one")
	case isOld:
		return nil
	case isBusy:
		return &notify.Error{To: n.To, Text: "another notifier sends the message of this incident", After: busyRetry}
	}
	failure := b.call(ctx, []notify.Notification{n}, &message)
	if failure == nil {
		message.At = n.At
	}
	message.BusyUntil = time.Time{}
	err = notify.Update(context.WithoutCancel(ctx), b.state, key, func(saved *incidentMessage) { *saved = message })
	if err != nil {
		b.sender.logger.Warn().Err(err).Str("channel", n.To).Msg("message of the incident not stored, the next one is not edited")
	}
	return failure
}

// gone are the errors of chat.update after which another message is posted: somebody deleted
// the message, or the workspace does not let it be edited any more.
var gone = []string{"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"}

// call edits a message, or posts one if it has no ID or is gone, and sets its ID.
func (b *bot) call(ctx context.Context, list []notify.Notification, message *incidentMessage) error {
	m := render(list, b.sender.runURL, b.sender.now())
	if message.TS != "" {
		edited := m
		edited.Channel, edited.TS = message.Channel, message.TS
		err := b.post(ctx, list[0].To, "chat.update", edited, message)
		var failure *notify.Error
		if err == nil || !errors.As(err, &failure) || !slices.Contains(gone, failure.Text) {
			return err
		}
		b.sender.logger.Warn().Err(err).Msg("message of the incident cannot be edited, sending another one")
	}
	return b.post(ctx, list[0].To, "chat.postMessage", m, message)
}

// answer is the JSON body of a response of Slack's web API.
type answer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Team    string `json:"team"` // of auth.test
	User    string `json:"user"`
}

// formErrors matches the errors of a message that may be accepted as plain text.
var formErrors = regexp.MustCompile(`blocks|attachments|text|arguments|too_long`)

// decode reads the response and returns its error, "" if there is none.
func (a *answer) decode(body string) (text string, rejectsForm bool) {
	*a = answer{}
	switch err := json.Unmarshal([]byte(body), a); {
	case err != nil:
		return "no response of Slack's web API: " + body, false
	case !a.OK:
		return cmp.Or(a.Error, "not ok"), formErrors.MatchString(a.Error)
	}
	return "", false
}

func (b *bot) post(ctx context.Context, channel, method string, m payload, message *incidentMessage) error {
	var got answer
	err := b.sender.post(ctx, channel, notify.WebhookURL(b.apiURL+"/"+method), m, b.body(&got))
	if err == nil {
		message.Channel, message.TS = got.Channel, got.TS
	}
	return err
}

// body returns a body without content, with the token, whose response is decoded into got.
func (b *bot) body(got *answer) notify.Body {
	return notify.Body{Header: http.Header{"Authorization": {"Bearer " + b.token}}, Check: got.decode}
}
