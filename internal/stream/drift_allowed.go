package stream

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A choice is a field of a stream or consumer that an operator may set. Every field that
// is not a choice is compared with what is declared, those of later versions included.
type choice struct {
	reason string // why another value is fine
	// fits reports whether a value other than the declared one is fine. Without it every
	// value is.
	fits func(want, got any) bool
}

// streamChoices and consumerChoices are by the Go name of the field.
var (
	streamChoices = map[string]choice{
		"Description":  {reason: "text for people"},
		"Replicas":     {reason: "how many servers keep a copy depends on the cluster"},
		"Placement":    {reason: "where the copies are depends on the cluster"},
		"Compression":  {reason: "how the messages lie on the disk; they are read as they were written"},
		"AllowDirect":  {reason: "another way to read a message, which changes none"},
		"MirrorDirect": {reason: "another way to read a message, which changes none"},
		"FirstSeq":     {reason: "where numbering began when the stream was created"},
		"Metadata":     {reason: "labels for people and tools; the server adds _nats labels of its own"},
		"MaxBytes":     {"more room than declared", noLimitOrMore[int64]},
	}
	consumerChoices = map[string]choice{
		"Description":       {reason: "text for people"},
		"Replicas":          {reason: "how many servers keep a copy depends on the cluster"},
		"Metadata":          {reason: "labels for people and tools; the server adds _nats labels of its own"},
		"SampleFrequency":   {reason: "how many acknowledgements the server reports to a monitor"},
		"MaxRequestBatch":   {reason: "a request never asks for more messages than this; a limit of the server shows here too"},
		"MaxRequestExpires": {reason: "a request never waits longer than this"},
		"MaxRequestMaxBytes": {"a request never asks for more bytes than this; what is less than one message needs is not a choice",
			noLimitOrAtLeast(maxMessageBytes)},
		"DeliverPolicy": {"where the consumer began to read its stream; one that skipped what was stored before is not a choice", beginsAtAPlace},
		"OptStartSeq":   {reason: "where the consumer began to read its stream"},
		"OptStartTime":  {reason: "where the consumer began to read its stream"},
		"PauseUntil":    {"a pause that is over", isOver},
	}
)

// harmless are the fields in which a difference keeps no role from its work: roles stay
// ready. Doctor reports it and Declare takes it back all the same. Roles of the version
// before and of the version after work beside each other on one declaration, so what a
// version is likely to declare differently belongs here.
var harmless = map[string]bool{
	"MaxAge": true, "MaxBytes": true, "MaxMsgs": true, "Duplicates": true, "DenyDelete": true, "DenyPurge": true,
	"Discard": true, "AllowRollup": true, "AllowMsgTTL": true, "RePublish": true, "AllowAtomicPublish": true, "AllowBatchPublish": true,
	"AckWait": true, "MaxDeliver": true, "MaxAckPending": true, "BackOff": true, "InactiveThreshold": true, "MaxWaiting": true,
}

// lossy are the fields of a consumer with which messages are lost when they are fetched.
var lossy = map[string]bool{"AckPolicy": true, "HeadersOnly": true}

// onlyRecreated are the fields of a consumer that no server changes once it exists.
var onlyRecreated = map[string]bool{
	"Durable": true, "DeliverPolicy": true, "AckPolicy": true, "ReplayPolicy": true, "MaxWaiting": true, "MemoryStorage": true,
	"DeliverSubject": true, "DeliverGroup": true, "FlowControl": true, "IdleHeartbeat": true,
	"FilterSubjects": true, // it can be changed, but what another filter passed over is never delivered
}

// keepsFromWork reports whether a role must not be ready with such a difference.
func keepsFromWork(field string, want, got any) bool {
	if field == "Subjects" { // one more is another version's
		return !containsAll(got.([]string), want.([]string))
	}
	return !harmless[field] || field == "MaxAckPending" && got == 0
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !containsSubject(have, w) {
			return false
		}
	}
	return true
}

// containsSubject reports whether one of the patterns takes a subject.
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

func beginsAtAPlace(_, got any) bool {
	switch got.(jetstream.DeliverPolicy) {
	case jetstream.DeliverAllPolicy, jetstream.DeliverByStartSequencePolicy, jetstream.DeliverByStartTimePolicy:
		return true
	}
	return false
}

func isOver(_, got any) bool {
	until, _ := got.(*time.Time)
	return until == nil || !until.After(time.Now())
}
