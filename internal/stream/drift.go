package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Difference is one field of a stream or consumer that is not as declared.
type Difference struct {
	Object string // "stream SYNC_EVENTS" or "consumer SYNC_EVENTS/notifier"
	Field  string // by the name the nats command line shows
	Want   string
	Got    string
	Blocks bool // a role that uses the object cannot do its work, and is not ready

	goName string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %s, want %s", d.Object, d.Field, d.Got, d.Want)
}

// Drift lists what is not as declared, without changing anything: every stream, and
// the consumers named. A user who reads one may not be allowed to see others.
func (c *Conn) Drift(ctx context.Context, consumers ...string) ([]Difference, error) {
	var all []Difference
	if err := c.checkServer(); err != nil {
		return nil, err
	}
	for _, want := range topology() {
		object := "stream " + want.config.Name
		found, err := c.js.Stream(ctx, want.config.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			all = append(all, missing(object))
			continue
		}
		if err != nil {
			return all, lookupError(object, err)
		}
		all = append(all, compareStream(want.config, found.CachedInfo().Config)...)
		for _, consumer := range want.named(consumers) {
			differences, err := c.consumerDrift(ctx, want.config.Name, consumer.config)
			if err != nil {
				return all, err
			}
			all = append(all, differences...)
		}
	}
	return all, nil
}

func (c *Conn) consumerDrift(ctx context.Context, stream string, want jetstream.ConsumerConfig) ([]Difference, error) {
	object := "consumer " + stream + "/" + want.Name
	found, err := c.consumerInfo(ctx, stream, want.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return []Difference{missing(object)}, nil
	}
	if err != nil {
		return nil, lookupError(object, err)
	}
	return compareConsumer(stream, want, found.Config), nil
}

// consumerInfo looks at a consumer, also at one that somebody made to push.
func (c *Conn) consumerInfo(ctx context.Context, stream, name string) (*jetstream.ConsumerInfo, error) {
	pull, err := c.js.Consumer(ctx, stream, name)
	if err == nil {
		return pull.CachedInfo(), nil
	}
	if !errors.Is(err, jetstream.ErrNotPullConsumer) {
		return nil, err
	}
	push, err := c.js.PushConsumer(ctx, stream, name)
	if err != nil {
		return nil, err
	}
	return push.CachedInfo(), nil
}

func missing(object string) Difference {
	return Difference{Object: object, Field: "existence", Want: "there", Got: "missing", Blocks: true}
}

func compareStream(want, got jetstream.StreamConfig) []Difference {
	return compare("stream "+want.Name, want, got, streamChoices)
}

func compareConsumer(stream string, want, got jetstream.ConsumerConfig) []Difference {
	return compare("consumer "+stream+"/"+want.Name, want, oneFilterStyle(got), consumerChoices)
}

// oneFilterStyle puts a single filter where we declare filters: the server
// keeps one and several in different fields.
func oneFilterStyle(config jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	if config.FilterSubject != "" {
		config.FilterSubjects, config.FilterSubject = []string{config.FilterSubject}, ""
	}
	return config
}

// compare lists the fields of two configurations that differ, but for those that an
// operator chose.
func compare[T any](object string, want, got T, choices map[string]choice) []Difference {
	var differences []Difference
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		field := w.Type().Field(i)
		wanted, found := w.Field(i).Interface(), g.Field(i).Interface()
		if equal(wanted, found) {
			continue
		}
		if c, is := choices[field.Name]; is && (c.fits == nil || c.fits(wanted, found)) {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		differences = append(differences, Difference{
			Object: object, Field: name, Want: show(wanted), Got: show(found), goName: field.Name,
			Blocks: keepsFromWork(field.Name, wanted, found),
		})
	}
	return differences
}

// equal compares two values of a field. The order of subjects means nothing, and an empty
// list or set is none.
func equal(a, b any) bool {
	if x, y := reflect.ValueOf(a), reflect.ValueOf(b); x.Kind() == reflect.Slice || x.Kind() == reflect.Map {
		if x.Len() == 0 && y.Len() == 0 {
			return true
		}
	}
	if x, is := a.([]string); is {
		return slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(b.([]string))))
	}
	return reflect.DeepEqual(a, b)
}

// overlay copies the fields that differ.
func overlay[T any](onto *T, want T, differences ...Difference) {
	for _, d := range differences {
		reflect.ValueOf(onto).Elem().FieldByName(d.goName).Set(reflect.ValueOf(want).FieldByName(d.goName))
	}
}

// show writes a value for people.
func show(value any) string {
	switch v := value.(type) {
	case []string:
		return orNone(strings.Join(slices.Sorted(slices.Values(v)), ", "))
	case fmt.Stringer:
		if r := reflect.ValueOf(v); r.Kind() != reflect.Pointer {
			return v.String()
		}
	}
	switch r := reflect.ValueOf(value); r.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Map:
		if r.IsZero() {
			return "none"
		}
		var encoded strings.Builder
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false) // subjects hold >
		if encoder.Encode(value) == nil {
			return strings.TrimSpace(encoded.String())
		}
	case reflect.String:
		return orNone(r.String())
	}
	return fmt.Sprint(value)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func describe(differences []Difference) string {
	fields := make([]string, len(differences))
	for i, d := range differences {
		fields[i] = fmt.Sprintf("%s from %s to %s", d.Field, d.Got, d.Want)
	}
	return strings.Join(fields, ", ")
}
