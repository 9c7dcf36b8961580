package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/stream"
)

// followOutcomes prints a line for every outcome event until ctx ends. The returned function
// closes the connection.
func (r *running) followOutcomes(ctx context.Context) (unfollow func(), err error) {
	conn, err := stream.Connect(stream.Options{
		URL: r.cfg.NATS.URL, Creds: r.cfg.NATS.Creds, Name: "lazisync-dev demo", Logger: r.logs.file(),
	})
	if err != nil {
		return nil, err
	}
	var subjects []string
	for _, t := range outcomes {
		subjects = append(subjects, t.Subject)
	}
	err = conn.Subscribe(ctx, subjects, stream.StartPosition{Time: time.Now()}, r.outcome)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn.Close, nil
}

// outcomes lists the outcome events.
var outcomes = []events.Type[events.OutcomeData]{events.Completed, events.Failed, events.Cancelled}

// outcome prints an outcome event. It ignores every other message.
func (r *running) outcome(m events.Message) {
	e, err := events.Decode(m)
	if err != nil {
		return // invalid, or another version of an event that is also published in this version
	}
	for _, t := range outcomes {
		if data, err := t.Data(e); err == nil && e.Type() == t.Name {
			printOutcome(r.out, strings.TrimPrefix(t.Subject, "sync."), data)
		}
	}
}

// printOutcome writes one line.
func printOutcome(out io.Writer, how string, d events.OutcomeData) {
	var changes []string
	var pages int64
	for _, result := range d.Results {
		pages += result.Pages
		if n := result.Inserted + result.Updated + result.Deleted; n > 0 {
			changes = append(changes, fmt.Sprintf("%s %s", result.Entity, thousands(int(n))))
		}
	}
	changed := "nothing new"
	if len(changes) > 0 {
		changed = strings.Join(changes, ", ")
	}
	fmt.Fprintf(out, "  %s  %s run %d %s: %s  (%s, %s, %.1f s)\n", d.FinishedAt.Local().Format(time.TimeOnly), d.Mode, d.RunNumber, how, changed,
		counted(len(d.Requests), "request"), counted(int(pages), "page"), d.FinishedAt.Sub(d.StartedAt).Seconds())
	if d.Error != nil {
		fmt.Fprintf(out, "            %s: %s\n", d.Error.Type, d.Error.Message)
	}
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return thousands(n) + " " + noun
}
