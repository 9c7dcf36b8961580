package message

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/display"
	"github.com/lazi/lazisync/internal/notify"
)

// Slack has the lowest limits of all channels: it rejects a text of more than 3,000
// characters, and a message whose texts have more than about 12,000 in total, blocks and
// escapes included (https://docs.slack.dev/reference/block-kit/blocks/section-block,
// https://github.com/slackapi/bolt-js/issues/2509). The limits below count bytes and
// together stay under 10,000.
const (
	sectionLimit = 2900
	maxSections  = 2   // of entity lines
	reserve      = 100 // for the line that counts the omitted ones
	titleLimit   = 300
	errorLimit   = 1000 // of the error of a run, of the reason of a rejection
	lineLimit    = 300  // of the text in an entity's line
	nameLimit    = 150
	linkLimit    = 750
)

// modeName returns the title of a mode, also of one from a later version.
func (r Renderer) modeName(mode events.Mode) string {
	return events.Mode(r.clip(oneLine(string(mode)), nameLimit)).Info().Title
}

// title is the first line, which chat programs also display in their own notifications.
func (r Renderer) title(n notify.Notification) string {
	s := r.headline(n)
	if age := r.Now.Sub(n.At); age > notify.LateAfter && n.Times == 0 {
		s += fmt.Sprintf(" (%s ago)", duration(age))
	}
	return s
}

func (r Renderer) headline(n notify.Notification) string {
	switch n.Outcome {
	case notify.Rejected:
		return r.rejection(n)
	case notify.Stale, notify.Fresh:
		return r.freshness(n)
	}
	run := n.Run
	took := duration(run.FinishedAt.Sub(run.StartedAt))
	s := r.modeName(run.Mode) + " " + string(n.Outcome)
	switch n.Outcome {
	case notify.Completed:
		var fetched int64
		for _, result := range run.Results {
			fetched += result.Fetched
		}
		if n.Recovered > 0 {
			s = r.modeName(run.Mode) + " works again after " + display.Count(n.Recovered, "failure") + " since " + clock(n.FailingSince)
		}
		return s + ": " + display.Count(fetched, "record") + " in " + took + remarks(run.Results)
	case notify.Failed:
		return s + r.repetition(n, " after "+took) + ": " + r.clip(several(n.Failures()), titleLimit) + remarks(run.Results)
	default:
		return s + " after " + took + r.because(run.Reason)
	}
}

func (r Renderer) rejection(n notify.Notification) string {
	what := "A command on " + n.Command.Subject + " was rejected"
	if n.Times > 1 {
		what = display.Count(n.Times, "command") + " on " + n.Command.Subject + " were rejected since " + clock(n.Since)
	}
	return r.clip(what, nameLimit) + ": " + string(n.Command.Code)
}

// repetition says how often an event repeated; single is its text for one occurrence.
func (r Renderer) repetition(n notify.Notification, single string) string {
	switch n.Times {
	case 0:
		return single
	case 1:
		return " again" + single
	default:
		return fmt.Sprintf(" %d times since %s", n.Times, clock(n.Since))
	}
}

// several lists the first names and counts the others.
func several(names []string) string {
	const shown = 3
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names, ", ")
}

func (r Renderer) because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + r.clip(oneLine(reason), lineLimit)
}

// run renders the end of a run: its facts, the results and the error.
func (r Renderer) run(n notify.Notification) (sections []string, footer string) {
	sections = []string{r.facts(n)}
	if e := n.Run.Error; e != nil {
		sections = append(sections, r.bold("Error")+" "+r.describe(e, errorLimit))
	}
	return append(sections, r.results(n.Run)...), "workflow " + r.clip(n.Run.WorkflowID, nameLimit) + "   event " + r.clip(n.EventID, nameLimit)
}

func (r Renderer) facts(n notify.Notification) string {
	s := r.bold("Tenant") + " " + r.clip(string(n.Run.TenantID), nameLimit)
	if shown := r.link(n); shown != "" {
		s += "   " + r.bold("Run") + " " + shown
	}
	return s + r.when(n, "Ended")
}

// when returns the time of the event. For a group it is that of the latest one, as are the
// other details.
func (r Renderer) when(n notify.Notification, what string) string {
	if n.Times > 1 {
		what = "Latest"
	}
	return "   " + r.bold(what) + " " + n.At.UTC().Format("2006-01-02 15:04:05 UTC")
}

// link returns the number of a run, as a link if RunURL is configured.
func (r Renderer) link(n notify.Notification) string {
	run := n.Run
	if run.RunNumber == 0 {
		return ""
	}
	name := strconv.FormatInt(run.RunNumber, 10)
	to := strings.NewReplacer(
		"{workflowId}", url.PathEscape(run.WorkflowID), "{runId}", url.PathEscape(run.RunID), "{runNumber}", name).Replace(r.RunURL)
	if to == "" {
		return name
	}
	if shown := r.Markup.link(to, name); len(shown) <= linkLimit {
		return shown
	}
	return name
}

// command renders a rejected command: its sender, the reason, and where the original is.
func (r Renderer) command(n notify.Notification) (sections []string, footer string) {
	c := n.Command
	facts := r.bold("Subject") + " " + r.clip(c.Subject, nameLimit)
	if c.Event != nil {
		facts += "   " + r.bold("Source") + " " + r.clip(oneLine(c.Event.Source), nameLimit) + "   " + r.bold("ID") + " " + r.clip(oneLine(c.Event.ID), nameLimit)
	}
	return []string{facts + r.when(n, "At"), r.bold("Reason") + " " + r.clip(oneLine(c.Reason), errorLimit)},
		fmt.Sprintf("Show the original with lazisync deadletter show %d   event %s", c.DeadLetter.Sequence, r.clip(n.EventID, nameLimit))
}
