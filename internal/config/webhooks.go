package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/entity"
)

// minWebhookSecret is the minimum length of an HMAC key in ServiceTitan's portal.
const minWebhookSecret = 32

func webhookSecrets(c *Config, text string) error {
	c.Defaults.WebhookSecrets = nil
	for part := range strings.SplitSeq(text, ",") {
		key := clean(part)
		if len(key) < minWebhookSecret || !isToken(key) {
			return fmt.Errorf("one or more keys separated by commas, each at least %d ASCII characters long and without spaces", minWebhookSecret)
		}
		c.Defaults.WebhookSecrets = append(c.Defaults.WebhookSecrets, Secret(key))
	}
	return nil
}

// webhookHeader parses the name of a header.
func webhookHeader(c *Config, text string) error {
	if !headerName.MatchString(text) {
		return errors.New("the name of an HTTP header, such as x-servicetitan-signature")
	}
	c.ServiceTitan.WebhookHeader = text
	return nil
}

// headerName is a token of RFC 9110.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func webhookEncoding(c *Config, text string) error {
	switch text {
	case "hex", "base64":
		c.ServiceTitan.WebhookEncoding = text
	case "any":
		c.ServiceTitan.WebhookEncoding = ""
	default:
		return errors.New("hex, base64 or any")
	}
	return nil
}

func webhookEntities(c *Config, text string) error {
	const want = "event=entity,entity;event=entity"
	c.ServiceTitan.WebhookEntities = map[string][]string{}
	for part := range strings.SplitSeq(text, ";") {
		event, list, ok := strings.Cut(part, "=")
		event = strings.TrimSpace(event)
		if !ok || !isWord(event) || c.ServiceTitan.WebhookEntities[event] != nil {
			return errors.New(want + ", each event once")
		}
		names, err := events.ParseEntities(list, entity.Names())
		if err == nil && names[0] == events.AllEntities {
			names = entity.Names()
		}
		if err != nil {
			return fmt.Errorf("%s: %s", want, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		c.ServiceTitan.WebhookEntities[event] = names
	}
	return nil
}
