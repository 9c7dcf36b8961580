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

// textAttributes are those of CloudEvents itself: texts, all of them.
var textAttributes = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}

// notText is what stands in place of a text attribute's text.
type notText string

// attributeName is stricter than the SDK, which folds upper case.
var attributeName = regexp.MustCompile(`^[a-z0-9]+$`)

// envelope is an event whose attributes are still to be checked. Checks add to
// problems and go on, so that all of them are told at once.
type envelope struct {
	attributes map[string]any // string, bool or int32
	data       []byte         // JSON, nil where there is none
	problems   []FieldError
	code       RejectCode // of the first problem
	tolerant   bool       // leave out an extension attribute that cannot be one, instead of refusing the event
}

func (e *envelope) set(name string, value any) {
	if e.attributes == nil {
		e.attributes = map[string]any{}
	}
	if old, twice := e.attributes[name]; twice && old != value {
		e.wrong(name, "two values", "one")
	}
	e.attributes[name] = value
}

func (e *envelope) wrong(path, got, want string) {
	e.refuse(Reject(CodeBadEnvelope, FieldError{Path: path, Got: got, Want: want}))
}

// odd is wrong for an extension attribute, unless the envelope is tolerant.
func (e *envelope) odd(path, got, want string) {
	if !e.tolerant {
		e.wrong(path, got, want)
	}
}

func (e *envelope) refuse(r *Rejection) {
	if e.code == "" {
		e.code = r.Code
	}
	e.problems = append(e.problems, r.Errors...)
}

func structured(data []byte, tolerant bool) (*envelope, *Rejection) {
	members, rejection := parseObject(data)
	if rejection != nil {
		return nil, rejection
	}
	return fromMembers(members, tolerant), nil
}

// shown shows a JSON value in an error, short.
func shown(raw json.RawMessage) string {
	if kind := kindOf(raw); kind == "an object" || kind == "a list" {
		return kind
	}
	return string(raw)
}

// fromMembers reads an event in structured mode.
func fromMembers(members []member, tolerant bool) *envelope {
	e := &envelope{tolerant: tolerant}
	for _, m := range members {
		switch kind := kindOf(m.value); {
		case kind == "null": // JSON's way to leave an attribute out
		case m.name == "data":
			e.setData(m.name, m.value)
		case m.name == "data_base64":
			e.setData(m.name, e.decodeBase64(m.value))
		case kind == "a text":
			var text string
			_ = json.Unmarshal(m.value, &text) // parseObject found it valid
			e.set(m.name, text)
		case slices.Contains(textAttributes, m.name):
			e.set(m.name, notText(shown(m.value)))
		case kind == "true or false":
			e.set(m.name, m.value[0] == 't')
		case kind == "a number":
			number, err := strconv.ParseInt(string(m.value), 10, 32)
			if err != nil {
				e.odd(m.name, string(m.value), "a whole number of at most 32 bits, or a text")
				continue
			}
			e.set(m.name, int32(number))
		default:
			e.odd(m.name, kind, "a text, a whole number, or true or false")
		}
	}
	return e
}

func (e *envelope) setData(name string, data []byte) {
	if e.data != nil {
		e.wrong(name, "both data and data_base64", "one of them")
		return
	}
	e.data = data
}

func (e *envelope) decodeBase64(value json.RawMessage) []byte {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		e.wrong("data_base64", kindOf(value), "base64 text")
		return nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		e.wrong("data_base64", quote(text), "base64 text")
		return nil
	}
	data = TrimBOM(data)
	if rejection := checkJSON(data); rejection != nil {
		e.refuse(rejection)
		return nil
	}
	return data
}

// event checks every attribute. An event that is refused keeps its id and source.
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
		e.wrong("specversion", quote(version), quote(specVersion))
	}
}

func (e *envelope) required(name string) (string, bool) {
	if _, present := e.attributes[name]; !present {
		e.wrong(name, "nothing", "a text")
		return "", false
	}
	return e.text(name)
}

// text takes an attribute that must be a text with something in it.
func (e *envelope) text(name string) (string, bool) {
	value, present := e.attributes[name]
	if !present {
		return "", false
	}
	delete(e.attributes, name)
	text, isText := value.(string)
	switch {
	case !isText:
		e.wrong(name, fmt.Sprint(value), "a text")
	case !utf8.ValidString(text): // a header may hold any bytes
		e.wrong(name, quote(text), "UTF-8")
	case strings.TrimSpace(text) == "":
		e.wrong(name, quote(text), "a text that is not empty")
	case strings.ContainsFunc(text, unicode.IsControl):
		e.wrong(name, quote(text), "no control characters")
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
		e.wrong(name, fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d", maxIdentity))
		return ""
	}
	return text
}

// source insists on the one way to write a URI, because it is part of the
// request's identity and is hashed as it stands.
func (e *envelope) source() types.URIRef {
	text := e.identity("source")
	if text == "" {
		return types.URIRef{}
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		e.wrong("source", quote(text), "a URI reference such as /my/program")
		return types.URIRef{}
	case parsed.String() != text:
		e.wrong("source", quote(text), "a URI reference such as "+quote(parsed.String()))
		return types.URIRef{}
	}
	return types.URIRef{URL: *parsed}
}

func (e *envelope) eventType(definition *Definition) string {
	name, ok := e.required("type")
	if ok && name != definition.Name {
		want := fmt.Sprintf("%s on NATS subject %s", definition.Name, definition.Subject)
		e.refuse(Reject(CodeTypeMismatch, FieldError{Path: "type", Got: quote(name), Want: want}))
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
		e.wrong("time", quote(text), "a time as in RFC 3339, such as 2006-01-02T15:04:05Z")
		return nil
	}
	if !stored.IsZero() && t.Sub(stored).Abs() > maxClockSkew {
		e.wrong("time", quote(text), "a time within 24 hours of "+stored.UTC().Format(time.RFC3339))
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
		e.wrong("datacontenttype", quote(*text), jsonType)
		return nil
	case strings.HasSuffix(mediaType, "+json"):
		// The CloudEvents module would write data of such a type as a text.
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
		e.wrong("dataschema", quote(text), "an absolute URI")
		return nil
	}
	return parsed
}

// extensions takes what is left: attributes that we do not know and carry along.
func (e *envelope) extensions(c *cloudevents.EventContextV1) {
	for _, name := range slices.Sorted(maps.Keys(e.attributes)) {
		if !attributeName.MatchString(name) || name == "data" {
			e.odd(name, "an unknown attribute", "a name of lower-case letters and digits")
			continue
		}
		value := e.attributes[name]
		if text, isText := value.(string); isText && strings.ContainsFunc(text, unicode.IsControl) {
			e.odd(name, quote(text), "no control characters")
			continue
		}
		if err := c.SetExtension(name, value); err != nil {
			e.odd(name, quote(fmt.Sprint(value)), err.Error())
		}
	}
}
