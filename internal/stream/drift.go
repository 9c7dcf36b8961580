package stream

import (
	"context"
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
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %s, want %s", d.Object, d.Field, d.Got, d.Want)
}

// The fields we declare, by their Go names. What a server adds or an operator
// may choose (replicas, placement, metadata, start of delivery) is not among them.
var (
	streamFields = []string{
		"Subjects", "Retention", "Storage", "Discard", "MaxAge", "MaxBytes", "MaxMsgs", "MaxMsgSize",
		"Duplicates", "DenyDelete", "DenyPurge", "NoAck", "Sealed", "AllowRollup", "AllowMsgTTL", "AllowMsgSchedules",
	}
	consumerFields = []string{
		"FilterSubjects", "AckPolicy", "AckWait", "MaxDeliver", "MaxAckPending", "BackOff", "HeadersOnly", "InactiveThreshold",
	}
)

// Drift lists what is not as declared, without changing anything: every stream, and
// the consumers named. A user who reads one may not be allowed to see others.
func (c *Conn) Drift(ctx context.Context, consumers ...string) ([]Difference, error) {
	var all []Difference
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
	found, err := c.js.Consumer(ctx, stream, want.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return []Difference{missing(object)}, nil
	}
	if err != nil {
		return nil, lookupError(object, err)
	}
	return compareConsumer(stream, want, oneFilterStyle(found.CachedInfo().Config)), nil
}

func missing(object string) Difference {
	return Difference{Object: object, Field: "existence", Want: "there", Got: "missing"}
}

func compareStream(want, got jetstream.StreamConfig) []Difference {
	return compare("stream "+want.Name, want, got, streamFields)
}

func compareConsumer(stream string, want, got jetstream.ConsumerConfig) []Difference {
	return compare("consumer "+stream+"/"+want.Name, want, got, consumerFields)
}

// oneFilterStyle puts a single filter where we declare filters: the server
// keeps one and several in different fields.
func oneFilterStyle(config jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	if config.FilterSubject != "" {
		config.FilterSubjects, config.FilterSubject = []string{config.FilterSubject}, ""
	}
	return config
}

func compare[T any](object string, want, got T, fields []string) []Difference {
	var differences []Difference
	for _, name := range fields {
		w, g := show(want, name), show(got, name)
		if w != g {
			differences = append(differences, Difference{Object: object, Field: wireName[T](name), Want: w, Got: g})
		}
	}
	return differences
}

// overlay copies the fields we declare.
func overlay[T any](onto *T, want T, fields []string) {
	for _, name := range fields {
		reflect.ValueOf(onto).Elem().FieldByName(name).Set(reflect.ValueOf(want).FieldByName(name))
	}
}

// show writes a field for people. The order of subjects means nothing.
func show(config any, field string) string {
	value := reflect.ValueOf(config).FieldByName(field).Interface()
	if subjects, ok := value.([]string); ok {
		return strings.Join(slices.Sorted(slices.Values(subjects)), ", ")
	}
	return fmt.Sprint(value)
}

func wireName[T any](field string) string {
	f, _ := reflect.TypeFor[T]().FieldByName(field)
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func describe(differences []Difference) string {
	fields := make([]string, len(differences))
	for i, d := range differences {
		fields[i] = fmt.Sprintf("%s from %s to %s", d.Field, d.Got, d.Want)
	}
	return strings.Join(fields, ", ")
}
