package config

import (
	"errors"
	"fmt"
	neturl "net/url"
	"slices"
	"strings"
)

func slackURL(c *Config, text string) error {
	if !isSlackURL(text) {
		return errors.New("the https address of a Slack incoming webhook")
	}
	c.Slack.WebhookURL = Secret(text)
	return nil
}

func slackURLs(c *Config, text string) error {
	pairs, err := namedSecrets(text)
	for channel, u := range pairs {
		if !isChannel(channel) || !isSlackURL(string(u)) {
			err = errors.New("not a channel and its webhook")
		}
	}
	if err != nil {
		return errors.New("#channel=https://…, separated by commas")
	}
	c.Slack.WebhookURLs = pairs
	return nil
}

// botTokenPrefix begins a bot token. Other tokens of Slack act as a person or configure apps.
const botTokenPrefix = "xoxb-"

func slackToken(c *Config, text string) error {
	if !strings.HasPrefix(text, botTokenPrefix) || len(text) < len(botTokenPrefix)+10 || !isToken(text) {
		return errors.New("the bot token of a Slack app, which begins with " + botTokenPrefix)
	}
	c.Slack.BotToken = Secret(text)
	return nil
}

func slackAPIURL(c *Config, text string) error {
	if !isSlackURL(text) || strings.ContainsAny(text, "?#") {
		return errors.New("an https address without a query, such as https://slack.com/api")
	}
	c.Slack.APIURL = text
	return nil
}

// problems returns what contradicts: messages to a channel without a webhook of its own are posted
// by the bot or to the webhook.
func (c SlackConfig) problems() Problems {
	if c.BotToken != "" && c.WebhookURL != "" {
		return Problems{"SLACK_BOT_TOKEN and SLACK_WEBHOOK_URL are both set, want only one; SLACK_WEBHOOK_URLS may have webhooks of single channels"}
	}
	return nil
}

// isSlackURL reports whether a text can be the address of an incoming webhook.
func isSlackURL(text string) bool {
	u, err := neturl.Parse(text)
	return err == nil && (u.Scheme == "https" || isLoopback(u.Hostname())) && isWebURL(text) && isToken(text) && !strings.Contains(text, "@")
}

// maxChannel is the length of the longest channel that a request may name.
const maxChannel = 100

func isChannel(text string) bool {
	return isWord(text) && strings.Trim(text, "#@") != "" && len(text) <= maxChannel
}

func channel(c *Config, text string) error {
	if !isChannel(text) {
		return fmt.Errorf("a channel such as #sync-alerts, without spaces and at most %d bytes long", maxChannel)
	}
	c.Defaults.Channel, c.Slack.Channel = text, text
	return nil
}

// minToken is the length of a token with 128 bits of hexadecimal digits.
const minToken = 32

// APIToken is a bearer token of the gateway. Role is one of Roles.
type APIToken struct {
	Name   string
	Role   string
	Secret Secret
}

// Roles are the roles of API tokens. A token without a role is an operator.
var Roles = []string{"operator", "viewer"}

// apiTokens reads name=token or name:role=token, separated by commas. The name ends at the last
// colon. The error names a token by its place, because a name may be a secret in the wrong place.
func apiTokens(c *Config, text string) error {
	var tokens []APIToken
	for i, entry := range strings.Split(text, ",") {
		t, err := apiToken(entry)
		for _, other := range tokens {
			switch {
			case err != nil:
			case other.Name == t.Name:
				err = errors.New("has the name of an earlier one, want unique names")
			case other.Secret == t.Secret:
				err = errors.New("is the same as an earlier one, want unique tokens")
			}
		}
		if err != nil {
			return fmt.Errorf("name=token or name:role=token, separated by commas: token %d %w", i+1, err)
		}
		tokens = append(tokens, t)
	}
	c.HTTP.Tokens = tokens
	return nil
}

func apiToken(entry string) (APIToken, error) {
	name, secret, ok := strings.Cut(entry, "=")
	name, secret = clean(name), clean(secret)
	role := Roles[0]
	if colon := strings.LastIndex(name, ":"); colon >= 0 {
		name, role = clean(name[:colon]), clean(name[colon+1:])
	}
	switch {
	case clean(entry) == "":
		return APIToken{}, errors.New("is empty, want no comma at the end and no two commas in a row")
	case !ok:
		return APIToken{}, errors.New("has no =, want name=token")
	case name == "":
		return APIToken{}, errors.New("has no name, want a name before =")
	case !isWord(name):
		return APIToken{}, errors.New("has a name with spaces or control characters, want a name without them, such as ops-team")
	case !slices.Contains(Roles, role):
		return APIToken{}, errors.New("has an unknown role after the colon of its name, want " + strings.Join(Roles, " or "))
	case len(secret) < minToken || !isToken(secret):
		return APIToken{}, fmt.Errorf("is too short or has spaces or other characters, want at least %d ASCII characters without spaces", minToken)
	}
	return APIToken{Name: name, Role: role, Secret: Secret(secret)}, nil
}

// namedSecrets reads name=value pairs separated by commas.
func namedSecrets(text string) (map[string]Secret, error) {
	out := map[string]Secret{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		name, value = clean(name), clean(value)
		if !ok || !isWord(name) || value == "" || out[name] != "" {
			return nil, errors.New("not name=value")
		}
		out[name] = Secret(value)
	}
	return out, nil
}
