package events

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

const (
	specVersion  = cloudevents.CloudEventsVersionV1
	maxIdentity  = 256            // bytes of an id, and of a source
	maxClockSkew = 24 * time.Hour // between an event's time and when it was stored
)

// stringAttributes are the attributes that CloudEvents defines. All are strings.
var stringAttributes = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}

// nonString is the value of a string attribute that is not a string, formatted for errors.
type nonString string

// attributeName is stricter than the SDK, which converts upper case to lower case.
var attributeName = regexp.MustCompile(`^[a-z0-9]+$`)

// envelope is an event whose attributes are not checked yet. The checks collect problems,
// so that the rejection lists all of them.
type envelope struct {
	attributes map[string]any // string, bool or int32
	data       []byte         // JSON; nil for none
	problems   []FieldError
	code       RejectCode // of the first problem
	tolerant   bool       // omit an invalid extension attribute instead of rejecting the event
}

func (e *envelope) set(name string, value any) {
	if e.attributes == nil {
		e.attributes = map[string]any{}
	}
	if old, twice := e.attributes[name]; twice && old != value {
		e.invalid(name, "two values", "one value")
	}
	e.attributes[name] = value
}

func (e *envelope) invalid(path, got, want string) {
	e.reject(Reject(CodeBadEnvelope, FieldError{Path: path, Got: got, Want: want}))
}

// invalidExtension is invalid for an extension attribute, unless the envelope is tolerant.
func (e *envelope) invalidExtension(path, got, want string) {
	if !e.tolerant {
		e.invalid(path, got, want)
	}
}

func (e *envelope) reject(r *Rejection) {
	if e.code == "" {
		e.code = r.Code
	}
	e.problems = append(e.problems, r.Errors...)
}

func structuredEnvelope(data []byte, tolerant bool) (*envelope, *Rejection) {
	members, rejection := parseObject(data)
	if rejection != nil {
		return nil, rejection
	}
	return envelopeOf(members, tolerant), nil
}

// showRaw formats a JSON value for an error: an object or array by its type.
func showRaw(raw json.RawMessage) string {
	if kind := kindOf(raw); kind == "an object" || kind == "an array" {
		return kind
	}
	return string(raw)
}

// envelopeOf returns the envelope of an event in structured mode.
func envelopeOf(members []member, tolerant bool) *envelope {
	e := &envelope{tolerant: tolerant}
	for _, m := range members {
		switch kind := kindOf(m.value); {
		case kind == "null": // same as an absent attribute
		case m.name == "data":
			e.setData(m.name, m.value)
		case m.name == "data_base64":
			e.setData(m.name, e.decodeBase64(m.value))
		case kind == "a string":
			var text string
			_ = json.Unmarshal(m.value, &text) // parseObject has checked it
			e.set(m.name, text)
		case slices.Contains(stringAttributes, m.name):
			e.set(m.name, nonString(showRaw(m.value)))
		case kind == "a boolean":
			e.set(m.name, m.value[0] == 't')
		case kind == "a number":
			number, err := strconv.ParseInt(string(m.value), 10, 32)
			if err != nil {
				e.invalidExtension(m.name, string(m.value), "an integer of at most 32 bits, or a string")
				continue
			}
			e.set(m.name, int32(number))
		default:
			e.invalidExtension(m.name, kind, "a string, an integer or a boolean")
		}
	}
	return e
}

func (e *envelope) setData(name string, data []byte) {
	if e.data != nil {
		e.invalid(name, "both data and data_base64", "one of them")
		return
	}
	e.data = data
}

func (e *envelope) decodeBase64(value json.RawMessage) []byte {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		e.invalid("data_base64", kindOf(value), "base64")
		return nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		e.invalid("data_base64", quote(text), "base64")
		return nil
	}
	data = TrimBOM(data)
	if rejection := checkJSON(data); rejection != nil {
		e.reject(rejection)
		return nil
	}
	return data
}

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
		e.invalid(name, quote(text), "no control characters")
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
	if ok && len(text) > maxIdentity {
		e.invalid(name, fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d", maxIdentity))
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
			e.invalidExtension(name, quote(text), "no control characters")
			continue
		}
		if err := c.SetExtension(name, value); err != nil {
			e.invalidExtension(name, quote(fmt.Sprint(value)), err.Error())
		}
	}
}
