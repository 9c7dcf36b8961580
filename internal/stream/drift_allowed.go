package stream

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// allowedChange is a field of a stream or consumer that an operator may change. Every other
// field is compared with the declaration, also fields that later versions of NATS add.
type allowedChange struct {
	reason string // why a change is harmless
	// fits reports whether a value is allowed. If it is nil, every value is.
	fits func(want, got any) bool
}

// allowedStreamChanges and allowedConsumerChanges list allowed changes by the Go name of the
// field.
var (
	allowedStreamChanges = map[string]allowedChange{
		"Description":  {reason: "documentation"},
		"Replicas":     {"more replicas than configured", func(want, got any) bool { return got.(int) >= want.(int) }},
		"Placement":    {reason: "the placement of copies depends on the cluster"},
		"Compression":  {reason: "affects storage only"},
		"AllowDirect":  {reason: "another way to read messages, which does not affect them"},
		"MirrorDirect": {reason: "another way to read messages, which does not affect them"},
		"FirstSeq":     {reason: "the first sequence when the stream was created"},
		"Metadata":     {reason: "labels for operators and tools; the server adds its own, with the prefix _nats"},
		"MaxBytes":     {"a larger stream", noLimitOrMore[int64]},
		"DenyDelete":   {reason: "messages are deleted by lazisync erase only; the server never changes it back to false"},
	}
	allowedConsumerChanges = map[string]allowedChange{
		"Description":       {reason: "documentation"},
		"Replicas":          {"more replicas than configured, or those of the stream", func(want, got any) bool { return got == 0 || got.(int) >= want.(int) }},
		"Metadata":          {reason: "labels for operators and tools; the server adds its own, with the prefix _nats"},
		"SampleFrequency":   {reason: "affects monitoring only"},
		"MaxRequestBatch":   {reason: "requests are limited to this many messages; limits of the server appear here, too"},
		"MaxRequestExpires": {reason: "requests are limited to this duration"},
		"MaxRequestMaxBytes": {"requests are limited to this many bytes; less than one message needs is not allowed",
			noLimitOrAtLeast(maxMessageBytes)},
		"DeliverPolicy": {"where the consumer started; a policy that skips stored messages is not allowed", startsAtPosition},
		"OptStartSeq":   {reason: "where the consumer started"},
		"OptStartTime":  {reason: "where the consumer started"},
		"PauseUntil":    {"a pause in the past has no effect", isPast},
	}
)

// tolerated lists fields whose difference leaves roles ready. The doctor reports such a
// difference and Declare corrects it. Consecutive versions of lazisync share one declaration
// during an upgrade, so that this must include the fields that a new version may declare.
var tolerated = map[string]bool{
	"MaxAge": true, "MaxBytes": true, "MaxMsgs": true, "Duplicates": true, "DenyDelete": true, "DenyPurge": true,
	"Replicas": true, "Discard": true, "AllowRollup": true, "AllowMsgTTL": true, "RePublish": true, "AllowAtomicPublish": true, "AllowBatchPublish": true,
	"AckWait": true, "MaxDeliver": true, "MaxAckPending": true, "BackOff": true, "InactiveThreshold": true, "MaxWaiting": true,
}

// lossyFields lists fields of a consumer with which fetched messages would be lost.
var lossyFields = map[string]bool{"AckPolicy": true, "HeadersOnly": true}

// immutableFields lists fields of a consumer that the server does not change once it exists.
var immutableFields = map[string]bool{
	"Durable": true, "DeliverPolicy": true, "AckPolicy": true, "ReplayPolicy": true, "MaxWaiting": true, "MemoryStorage": true,
	"DeliverSubject": true, "DeliverGroup": true, "FlowControl": true, "IdleHeartbeat": true,
	"FilterSubjects": true, // mutable, but messages that the previous filter skipped would never be delivered
}

// blocksRoles reports whether roles must not be ready with a difference.
func blocksRoles(field string, want, got any) bool {
	if field == "Subjects" { // additional subjects belong to another version
		return !containsAll(got.([]string), want.([]string))
	}
	return !tolerated[field] || field == "MaxAckPending" && got == 0
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !containsSubject(have, w) {
			return false
		}
	}
	return true
}

// containsSubject reports whether one of the patterns matches a subject.
func containsSubject(patterns []string, subject string) bool {
	for _, p := range patterns {
		if p == subject || matches(strings.Split(p, "."), strings.Split(subject, ".")) {
			return true
		}
	}
	return false
}

func matches(pattern, subject []string) bool {
	for i, p := range pattern {
		if p == ">" {
			return len(subject) > i
		}
		if i >= len(subject) || p != "*" && p != subject[i] {
			return false
		}
	}
	return len(pattern) == len(subject)
}

func noLimitOrMore[T int | int64](want, got any) bool { return got.(T) < 0 || got.(T) > want.(T) }

func noLimitOrAtLeast(least int) func(want, got any) bool {
	return func(_, got any) bool { return got.(int) <= 0 || got.(int) >= least }
}

func startsAtPosition(_, got any) bool {
	switch got.(jetstream.DeliverPolicy) {
	case jetstream.DeliverAllPolicy, jetstream.DeliverByStartSequencePolicy, jetstream.DeliverByStartTimePolicy:
		return true
	}
	return false
}

func isPast(_, got any) bool {
	until, _ := got.(*time.Time)
	return until == nil || !until.After(time.Now())
}
