package stream

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestEveryFieldIsComparedOrAllowed sets every field of both configurations, the nested
// ones too, to another value: each is a difference, or an operator's allowedChange with a reason.
func TestEveryFieldIsComparedOrAllowed(t *testing.T) {
	t.Parallel()
	stream, consumer := commandStream().config, durable(ConsumerRequests, 10, "sync.requested")
	stream.Replicas, consumer.Replicas = 3, 3
	everyField(t, stream, allowedStreamChanges, func(got jetstream.StreamConfig) []Difference { return compareStream(stream, got) })
	everyField(t, consumer, allowedConsumerChanges, func(got jetstream.ConsumerConfig) []Difference {
		return compareConsumer(StreamCommands, consumer, got)
	})
}

// notFine are values outside the bounds of allowed changes.
var notFine = map[string]any{
	"Replicas":           1,
	"MaxBytes":           int64(1000),
	"MaxRequestMaxBytes": 1000,
	"DeliverPolicy":      jetstream.DeliverNewPolicy,
	"PauseUntil":         new(time.Now().Add(time.Hour)),
	"FilterSubject":      "sync.other", // it is one of the filters
}

func everyField[T any](t *testing.T, declared T, allowed map[string]allowedChange, compared func(T) []Difference) {
	t.Helper()
	kind := reflect.TypeFor[T]()
	for name, c := range allowed {
		_, exists := kind.FieldByName(name)
		require.True(t, exists, "%s has no field %s", kind, name)
		require.NotEmpty(t, c.reason, name)
	}
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		for j := range variants(reflect.ValueOf(declared).Field(i)) {
			got := declared
			field := reflect.ValueOf(&got).Elem().Field(i)
			field.Set(variants(field)[j])
			if other, is := notFine[name]; is {
				field.Set(reflect.ValueOf(other))
			}
			differences := compared(got)
			if c, is := allowed[name]; is && c.fits == nil {
				require.Empty(t, differences, "%s.%s is an allowed change", kind, name)
				continue
			}
			require.Len(t, differences, 1, "%s.%s, set to %+v, is neither compared nor an allowed change", kind, name, field.Interface())
			require.NotEmpty(t, differences[0].Field, name)
			require.NotEqual(t, differences[0].Want, differences[0].Got, "%s.%s", kind, name)
		}
	}
}

// variants are values unlike v: for a struct, one for each of its fields.
func variants(v reflect.Value) []reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return []reflect.Value{reflect.ValueOf(time.Now().Add(time.Hour))}
		}
		var all []reflect.Value
		for i := range v.NumField() {
			for _, inner := range variants(v.Field(i)) {
				one := reflect.New(v.Type()).Elem()
				one.Set(v)
				one.Field(i).Set(inner)
				all = append(all, one)
			}
		}
		return all
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct {
			var all []reflect.Value
			for _, inner := range variants(reflect.Zero(v.Type().Elem())) {
				one := reflect.New(v.Type().Elem())
				one.Elem().Set(inner)
				all = append(all, one)
			}
			return all
		}
		one := reflect.New(v.Type().Elem())
		one.Elem().Set(variants(reflect.Zero(v.Type().Elem()))[0])
		return []reflect.Value{one}
	case reflect.Slice:
		var all []reflect.Value
		for _, inner := range variants(reflect.Zero(v.Type().Elem())) {
			one := reflect.MakeSlice(v.Type(), 0, 1)
			all = append(all, reflect.Append(one, inner))
		}
		return all
	case reflect.Map:
		one := reflect.MakeMap(v.Type())
		one.SetMapIndex(reflect.ValueOf("owner"), reflect.ValueOf("somebody"))
		return []reflect.Value{one}
	}
	one := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Bool:
		one.SetBool(!v.Bool())
	case reflect.String:
		one.SetString(v.String() + "x")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		one.SetInt(v.Int() + 1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		one.SetUint(v.Uint() + 1)
	default:
		panic("a kind of field this test does not know: " + v.Kind().String())
	}
	return []reflect.Value{one}
}

func TestAllowedChangesAndServerMetadataAreNoDifference(t *testing.T) {
	t.Parallel()
	want := commandStream().config
	got := want
	got.Subjects = []string{"sync.control", "sync.requested"} // another order
	got.Replicas = 3
	got.MaxBytes *= 2
	got.Metadata = map[string]string{"_nats.level": "1", "owner": "ops"}
	got.Sources = []*jetstream.StreamSource{}
	require.Empty(t, compareStream(want, got))

	three := want
	three.Replicas = 3
	require.Empty(t, compareStream(three, got))
	got.Replicas = 1
	require.Equal(t, []Difference{{Object: "stream SYNC_COMMANDS", Field: "num_replicas", Want: "3", Got: "1", goName: "Replicas"}}, compareStream(three, got))
	got.Replicas = 3

	got.MaxAge = time.Hour
	d := compareStream(want, got)
	require.Equal(t, []Difference{{Object: "stream SYNC_COMMANDS", Field: "max_age", Want: "168h0m0s", Got: "1h0m0s", goName: "MaxAge"}}, d)
	require.Equal(t, "stream SYNC_COMMANDS: max_age is 1h0m0s, want 168h0m0s", d[0].String())

	copyFields(&got, want, d...)
	require.Empty(t, compareStream(want, got))
	require.Equal(t, 3, got.Replicas, "an operator's allowedChange stays")

	consumer := durable(ConsumerRequests, 10, "sync.requested")
	shown := consumer
	shown.FilterSubject, shown.FilterSubjects = "sync.requested", nil
	shown.MaxRequestBatch, shown.MaxRequestMaxBytes = 100, 4<<20
	shown.DeliverPolicy, shown.OptStartSeq = jetstream.DeliverByStartSequencePolicy, 7
	shown.PauseUntil = new(time.Now().Add(-time.Hour))
	require.Empty(t, compareConsumer(StreamCommands, consumer, shown))
}

// TestBlockingDifferences: an older version beside a newer one, which declares one
// subject more and other limits, stays ready.
func TestBlockingDifferences(t *testing.T) {
	t.Parallel()
	want := eventStream().config
	newer := want
	newer.Subjects = append(slices.Clone(want.Subjects), "sync.stale")
	newer.MaxAge, newer.Duplicates = 60*day, 2*day
	require.NoError(t, blockingError(compareStream(want, newer)))

	wide := want
	wide.Subjects = []string{"sync.>"}
	require.NoError(t, blockingError(compareStream(want, wide)))

	narrow := want
	narrow.Subjects = want.Subjects[1:]
	require.ErrorContains(t, blockingError(compareStream(want, narrow)), "stream SYNC_EVENTS: subjects is ")

	moved := want
	moved.SubjectTransform = &jetstream.SubjectTransformConfig{Source: ">", Destination: "moved.>"}
	require.EqualError(t, blockingError(compareStream(want, moved)),
		`stream SYNC_EVENTS: subject_transform is {"src":">","dest":"moved.>"}, want none: run "lazisync migrate"`)
}

func TestPullRequestStaysWithinTheLimitsOfTheConsumer(t *testing.T) {
	t.Parallel()
	wanted := pullRequest{Batch: 500, MaxBytes: 16 << 20, NoWait: true, Expires: 10 * time.Second, Heartbeat: 2 * time.Second}
	require.Equal(t, wanted, wanted.limitedBy(jetstream.ConsumerConfig{}))
	require.Equal(t, pullRequest{Batch: 100, MaxBytes: 2 << 20, NoWait: true, Expires: time.Second, Heartbeat: 250 * time.Millisecond},
		wanted.limitedBy(jetstream.ConsumerConfig{MaxRequestBatch: 100, MaxRequestMaxBytes: 2 << 20, MaxRequestExpires: time.Second}))
}
