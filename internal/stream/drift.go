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

// Difference is a field of a stream or consumer that differs from its declaration.
type Difference struct {
	Object string // "stream SYNC_EVENTS" or "consumer SYNC_EVENTS/notifier"
	Field  string // as the nats command shows it
	Want   string
	Got    string
	Blocks bool // a role that uses the object is not ready

	goName string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %s, want %s", d.Object, d.Field, d.Got, d.Want)
}

// Drift compares all streams and the named consumers with their declarations. It changes
// nothing. Consumers are named because a NATS user may be allowed to read only its own.
func (c *Conn) Drift(ctx context.Context, consumers ...string) ([]Difference, error) {
	var all []Difference
	if err := c.checkServer(); err != nil {
		return nil, err
	}
	for _, want := range c.declarations() {
		object := "stream " + want.config.Name
		found, err := c.js.Stream(ctx, want.config.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			all = append(all, missingObject(object))
			continue
		}
		if err != nil {
			return all, lookupError(object, err)
		}
		all = append(all, compareStream(want.config, found.CachedInfo().Config)...)
		for _, consumer := range want.consumersNamed(consumers) {
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
		return []Difference{missingObject(object)}, nil
	}
	if err != nil {
		return nil, lookupError(object, err)
	}
	return compareConsumer(stream, want, found.Config), nil
}

// consumerInfo describes a consumer, also one that was changed to a push consumer.
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

func missingObject(object string) Difference {
	return Difference{Object: object, Field: "existence", Want: "present", Got: "missing", Blocks: true}
}

func compareStream(want, got jetstream.StreamConfig) []Difference {
	return compare("stream "+want.Name, want, got, allowedStreamChanges)
}

func compareConsumer(stream string, want, got jetstream.ConsumerConfig) []Difference {
	return compare("consumer "+stream+"/"+want.Name, want, oneFilterStyle(got), allowedConsumerChanges)
}

// oneFilterStyle moves a single filter to the field for several, which the declarations use.
func oneFilterStyle(config jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	if config.FilterSubject != "" {
		config.FilterSubjects, config.FilterSubject = []string{config.FilterSubject}, ""
	}
	return config
}

// compare lists the fields that differ between two configurations, except for the allowed
// changes.
func compare[T any](object string, want, got T, allowed map[string]allowedChange) []Difference {
	var differences []Difference
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		field := w.Type().Field(i)
		wanted, found := w.Field(i).Interface(), g.Field(i).Interface()
		if equal(wanted, found) {
			continue
		}
		if c, is := allowed[field.Name]; is && (c.fits == nil || c.fits(wanted, found)) {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		differences = append(differences, Difference{
			Object: object, Field: name, Want: formatValue(wanted), Got: formatValue(found), goName: field.Name,
			Blocks: blocksRoles(field.Name, wanted, found),
		})
	}
	return differences
}

// equal compares two values of a field. It ignores the order of subjects and treats an empty
// slice or map as nil.
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

// copyFields sets the fields that differ to their declared values.
func copyFields[T any](onto *T, want T, differences ...Difference) {
	for _, d := range differences {
		reflect.ValueOf(onto).Elem().FieldByName(d.goName).Set(reflect.ValueOf(want).FieldByName(d.goName))
	}
}

// formatValue formats the value of a field for a message.
func formatValue(value any) string {
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

func formatDifferences(differences []Difference) string {
	fields := make([]string, len(differences))
	for i, d := range differences {
		fields[i] = fmt.Sprintf("%s from %s to %s", d.Field, d.Got, d.Want)
	}
	return strings.Join(fields, ", ")
}
