package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cronField is one of the five fields of a cron expression, as Temporal reads them.
type cronField struct {
	name      string
	min, max  int
	words     []string // names in place of numbers, beginning with min; a prefix is enough
	minPrefix int      // minimum length of the prefix
}

var cronFields = []cronField{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, minPrefix: 3, words: []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	}},
	{name: "day of the week", max: 7, minPrefix: 2, words: []string{
		"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
	}},
}

// cronSpec is a cron expression of five fields in the dialect of Temporal's schedules. Each field
// is a set of bits, one for each matching value.
type cronSpec struct{ minute, hour, day, month, weekday uint64 }

const (
	wantCron = "a cron expression with five fields"
	// maxCron is the maximum length of an expression, which Temporal keeps in a comment.
	maxCron = 200
)

// cronError is the error of parseCron: what follows wantCron, "" for nothing.
type cronError string

func (e cronError) Error() string { return wantCron + string(e) }

// parseCron parses a cron expression of five fields. Temporal would also reject an invalid one, but
// only after everything else is applied, and without the name of the variable. The error is a
// cronError.
func parseCron(text string) (cronSpec, error) {
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		return cronSpec{}, cronError("")
	}
	if len(text) > maxCron {
		return cronSpec{}, cronError(fmt.Sprintf(": at most %d characters", maxCron))
	}
	var bits [5]uint64
	for i, f := range cronFields {
		for part := range strings.SplitSeq(fields[i], ",") {
			fitting, ok := f.bits(part)
			if !ok {
				return cronSpec{}, cronError(fmt.Sprintf(": invalid %s %q, want %d to %d", f.name, part, f.min, f.max))
			}
			bits[i] |= fitting
		}
	}
	s := cronSpec{minute: bits[0], hour: bits[1], day: bits[2], month: bits[3], weekday: bits[4]}
	if s.weekday&(1<<7) != 0 { // Sunday is 0 and 7
		s.weekday |= 1
	}
	if !s.everDue() {
		return cronSpec{}, cronError(", for a date that exists")
	}
	return s, nil
}

// bits returns the values of a part: *, a value or a range, with or without a step.
func (f cronField) bits(part string) (bits uint64, ok bool) {
	values, by, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		if step, ok = number(by, 1, 1<<15); !ok {
			return 0, false
		}
	}
	from, to := f.min, f.max
	if values != "*" {
		first, last, ranged := strings.Cut(values, "-")
		if from, ok = f.value(first); !ok {
			return 0, false
		}
		if ranged {
			if to, ok = f.value(last); !ok || to < from {
				return 0, false
			}
		} else if !stepped { // 5/10 is every tenth from 5 to the last
			to = from
		}
	}
	for v := from; v <= to; v += step {
		bits |= 1 << v
	}
	return bits, true
}

func (f cronField) value(text string) (n int, known bool) {
	for i, word := range f.words {
		if len(text) >= f.minPrefix && strings.HasPrefix(word, strings.ToLower(text)) {
			return f.min + i, true
		}
	}
	return number(text, f.min, f.max)
}

// number parses a number of only digits.
func number(text string, least, most int) (n int, ok bool) {
	u, err := strconv.ParseUint(text, 10, 16)
	return int(u), err == nil && int(u) >= least && int(u) <= most
}

// due reports whether the expression fits a local time, given as if it were UTC. As in
// Temporal, the day of the month and the day of the week must both fit.
func (s cronSpec) due(local time.Time) bool {
	return s.dueDay(local) && s.hour&(1<<local.Hour()) != 0 && s.minute&(1<<local.Minute()) != 0
}

func (s cronSpec) dueDay(local time.Time) bool {
	return s.month&(1<<local.Month()) != 0 && s.day&(1<<local.Day()) != 0 && s.weekday&(1<<local.Weekday()) != 0
}

// everDue reports whether there is a date on which the expression is due. The calendar
// repeats after 28 years.
func (s cronSpec) everDue() bool {
	first := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := first; day.Year() < first.Year()+28; day = day.AddDate(0, 0, 1) {
		if s.dueDay(day) {
			return true
		}
	}
	return false
}
