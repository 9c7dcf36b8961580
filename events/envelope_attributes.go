package events

import (
	"fmt"
	"maps"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// MaxIdentity is the maximum length of an id, and of a source, in bytes.
const MaxIdentity = 256

const (
	specVersion  = cloudevents.CloudEventsVersionV1
	maxClockSkew = 24 * time.Hour // between an event's time and when it was stored
)

// attributeName is stricter than the SDK, which converts upper case to lower case.
var attributeName = regexp.MustCompile(`^[a-z0-9]+$`)

// event checks every attribute. A rejected event keeps its id and source.
func (e *envelope) event(definition *Definition, stored time.Time) (Event, error) {
	c := &cloudevents.EventContextV1{}
	e.checkVersion()
	c.ID = e.identity("id")
	c.Source = e.source()
	c.Type = e.eventType(definition)
	c.Subject = e.optional("subject")
	c.Time = e.time(stored)
	c.DataContentType = e.dataContentType()
	c.DataSchema = e.dataSchema()
	e.extensions(c)
	event := Event{Context: c, DataEncoded: e.data}
	if len(e.problems) > 0 {
		return event, Reject(e.code, e.problems...)
	}
	return event, nil
}

func (e *envelope) checkVersion() {
	if version, ok := e.required("specversion"); ok && version != specVersion {
		e.invalid("specversion", quote(version), quote(specVersion))
	}
}

func (e *envelope) required(name string) (string, bool) {
	if _, present := e.attributes[name]; !present {
		e.invalid(name, "nothing", "a string")
		return "", false
	}
	return e.text(name)
}

// text removes and returns an attribute that must be a non-empty string.
func (e *envelope) text(name string) (string, bool) {
	value, present := e.attributes[name]
	if !present {
		return "", false
	}
	delete(e.attributes, name)
	text, isText := value.(string)
	switch {
	case !isText:
		e.invalid(name, fmt.Sprint(value), "a string")
	case !utf8.ValidString(text): // a header can contain any bytes
		e.invalid(name, quote(text), "UTF-8")
	case strings.TrimSpace(text) == "":
		e.invalid(name, quote(text), "a non-empty string")
	case strings.ContainsFunc(text, unicode.IsControl):
		e.invalid(name, quote(text), "text without control characters")
	default:
		return text, true
	}
	return "", false
}

func (e *envelope) optional(name string) *string {
	if text, ok := e.text(name); ok {
		return &text
	}
	return nil
}

func (e *envelope) identity(name string) string {
	text, ok := e.required(name)
	if ok && len(text) > MaxIdentity {
		e.invalid(name, fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d", MaxIdentity))
		return ""
	}
	return text
}

// source accepts only the normalized form of a URI reference, because the source is part
// of the identity of a request and is hashed as it is.
func (e *envelope) source() types.URIRef {
	text := e.identity("source")
	if text == "" {
		return types.URIRef{}
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		e.invalid("source", quote(text), "a URI reference such as /my/program")
		return types.URIRef{}
	case parsed.String() != text:
		e.invalid("source", quote(text), "a URI reference such as "+quote(parsed.String()))
		return types.URIRef{}
	}
	return types.URIRef{URL: *parsed}
}

func (e *envelope) eventType(definition *Definition) string {
	name, ok := e.required("type")
	if ok && name != definition.Name {
		want := fmt.Sprintf("%s on NATS subject %s", definition.Name, definition.Subject)
		e.reject(Reject(CodeTypeMismatch, FieldError{Path: "type", Got: quote(name), Want: want}))
	}
	return name
}

func (e *envelope) time(stored time.Time) *types.Timestamp {
	text, ok := e.text("time")
	if !ok {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		e.invalid("time", quote(text), "an RFC 3339 time such as 2006-01-02T15:04:05Z")
		return nil
	}
	if !stored.IsZero() && t.Sub(stored).Abs() > maxClockSkew {
		e.invalid("time", quote(text), "a time within 24 hours of "+stored.UTC().Format(time.RFC3339))
		return nil
	}
	return &types.Timestamp{Time: t}
}

func (e *envelope) dataContentType() *string {
	text := e.optional("datacontenttype")
	if text == nil {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(*text)
	switch {
	case err != nil || !isJSON(mediaType):
		e.invalid("datacontenttype", quote(*text), jsonType)
		return nil
	case strings.HasSuffix(mediaType, "+json"):
		// The CloudEvents module would encode data of such a type as a string.
		plain := jsonType
		return &plain
	}
	return text
}

func (e *envelope) dataSchema() *types.URI {
	text, ok := e.text("dataschema")
	if !ok {
		return nil
	}
	parsed := types.ParseURI(text)
	if parsed == nil || !parsed.IsAbs() {
		e.invalid("dataschema", quote(text), "an absolute URI")
		return nil
	}
	return parsed
}

// extensions adds the remaining attributes, which lazisync does not know, to the event.
func (e *envelope) extensions(c *cloudevents.EventContextV1) {
	for _, name := range slices.Sorted(maps.Keys(e.attributes)) {
		if !attributeName.MatchString(name) || name == "data" {
			e.invalidExtension(name, "an unknown attribute", "a name of lower-case letters and digits")
			continue
		}
		value := e.attributes[name]
		if text, isText := value.(string); isText && strings.ContainsFunc(text, unicode.IsControl) {
			e.invalidExtension(name, quote(text), "text without control characters")
			continue
		}
		if err := c.SetExtension(name, value); err != nil {
			e.invalidExtension(name, quote(fmt.Sprint(value)), err.Error())
		}
	}
}
