package app

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// cronField is one of the five fields of a cron expression, as Temporal reads them.
type cronField struct {
	name     string
	min, max int
	words    []string // in place of numbers, from min on; their first letters do
	letters  int      // how many of them at least
}

var cronFields = []cronField{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, letters: 3, words: []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	}},
	{name: "day of the week", max: 7, letters: 2, words: []string{
		"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
	}},
}

// checkCron says what a cron expression of five fields lacks. Temporal would refuse it
// too, but only once everything else is applied, and without the name of the variable.
func checkCron(text string) error {
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		return errors.New("a cron expression of five fields, or off")
	}
	for i, f := range cronFields {
		for part := range strings.SplitSeq(fields[i], ",") {
			if !f.takes(part) {
				return fmt.Errorf("a cron expression of five fields, or off: %q is no %s from %d to %d", part, f.name, f.min, f.max)
			}
		}
	}
	return nil
}

// takes says whether a part is *, a value or a range, with or without a step.
func (f cronField) takes(part string) bool {
	values, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
		return false
	}
	if values == "*" {
		return true
	}
	first, last, ranged := strings.Cut(values, "-")
	from, known := f.value(first)
	if !ranged {
		return known
	}
	to, toKnown := f.value(last)
	return known && toKnown && from <= to
}

func (f cronField) value(text string) (n int, known bool) {
	for i, word := range f.words {
		if len(text) >= f.letters && strings.HasPrefix(word, strings.ToLower(text)) {
			return f.min + i, true
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= f.min && n <= f.max
}
