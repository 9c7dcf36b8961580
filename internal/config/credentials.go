package config

import (
	"errors"
	"fmt"
	neturl "net/url"
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

func apiTokens(c *Config, text string) error {
	tokens, err := namedSecrets(text)
	names := map[Secret]string{}
	for name, t := range tokens {
		if len(t) < minToken || !isToken(string(t)) || names[t] != "" {
			err = errors.New("not a token")
		}
		names[t] = name
	}
	if err != nil {
		return fmt.Errorf("name=token pairs separated by commas, with unique names and unique tokens of at least %d ASCII characters without spaces", minToken)
	}
	c.HTTP.Tokens = tokens
	return nil
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
