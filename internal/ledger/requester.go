package ledger

import (
	"net/url"
	"strings"
	"time"
)

// Sources of the requests that lazisync itself publishes.
const (
	// WebhookSource is the prefix of the source of requests by webhooks; the tenant follows.
	WebhookSource = Source + "/webhooks/servicetitan/"
	// SecondPassSource is the source of requests for a second pass after webhooks.
	SecondPassSource = Source + "/second-pass"
	// ScheduleSource is the source of the requests that schedules publish.
	ScheduleSource = Source + "/schedules"
	// CLISource is the source of the commands of the command line.
	CLISource = Source + "/cli"
	// GatewaySource is the source of commands over HTTP. The name of the API token follows
	// after a slash, escaped for a URL path, if tokens are configured.
	GatewaySource = Source + "/gateway"
)

// Requester says who or what requested a sync, when and why.
type Requester struct {
	Source string    // of the event
	Reason string    // "" if none was given
	At     time.Time // when the request was recorded
}

// Actor returns the person or system behind the source: the name of an API token, "schedule",
// "webhook", "second pass", "command line", "HTTP", or the source itself if another system
// published the request.
func (r Requester) Actor() string {
	token, isToken := strings.CutPrefix(r.Source, GatewaySource+"/")
	switch {
	case isToken:
		name, _, _ := strings.Cut(token, "/")
		if decoded, err := url.PathUnescape(name); err == nil {
			return decoded
		}
		return name
	case r.Source == GatewaySource:
		return "HTTP"
	case r.Source == ScheduleSource:
		return "schedule"
	case r.Source == SecondPassSource:
		return "second pass"
	case r.Source == CLISource:
		return "command line"
	case strings.HasPrefix(r.Source, WebhookSource):
		return "webhook"
	}
	return r.Source
}
