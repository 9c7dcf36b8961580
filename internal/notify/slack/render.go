package slack

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/notify"
)

// Slack rejects a text of more than 3,000 characters, and a message whose texts have more
// than about 12,000 in total, blocks and escapes included
// (https://docs.slack.dev/reference/block-kit/blocks/section-block,
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
	linkLimit    = 700
)

// modeName returns the title of a mode, also of one from a later version.
func modeName(mode events.Mode) string {
	return events.Mode(clip(oneLine(string(mode)), nameLimit)).Info().Title
}

var colors = map[notify.Outcome]string{
	notify.Completed: "#2eb67d", notify.Failed: "#e01e5a", notify.Cancelled: "#ecb22e", notify.Rejected: "#ecb22e",
}

// renderer renders notifications as Slack messages.
type renderer struct {
	runURL string // link to a run, with the placeholders {workflowId}, {runId} and {runNumber}
	now    time.Time
}

// message renders one notification, or a digest of several.
func (r renderer) message(list []notify.Notification) message {
	if len(list) > 1 {
		return r.digest(list)
	}
	n := list[0]
	m := message{Channel: n.To, Text: r.title(n), Parse: "none"}
	blocks := r.run
	if n.Outcome == notify.Rejected {
		blocks = r.command
	}
	m.Attachments = []attachment{{Color: colors[n.Outcome], Blocks: blocks(n)}}
	return m
}

// title is the first line, which Slack also displays in its own notifications.
func (r renderer) title(n notify.Notification) string {
	s := headline(n)
	if age := r.now.Sub(n.At); age > notify.LateAfter && n.Times == 0 {
		s += fmt.Sprintf(" (%s ago)", duration(age))
	}
	return s
}

func headline(n notify.Notification) string {
	if n.Outcome == notify.Rejected {
		return rejection(n)
	}
	run := n.Run
	took := duration(run.FinishedAt.Sub(run.StartedAt))
	s := modeName(run.Mode) + " " + string(n.Outcome)
	switch n.Outcome {
	case notify.Completed:
		var fetched int64
		for _, result := range run.Results {
			fetched += result.Fetched
		}
		return s + ": " + count(fetched, "record") + " in " + took
	case notify.Failed:
		return s + repetition(n, " after "+took) + ": " + clip(several(n.Failures()), titleLimit)
	default:
		return s + " after " + took + because(run.Reason)
	}
}

func rejection(n notify.Notification) string {
	what := "A command on " + n.Command.Subject + " was rejected"
	if n.Times > 1 {
		what = count(int64(n.Times), "command") + " on " + n.Command.Subject + " were rejected since " + clock(n.Since)
	}
	return clip(what, nameLimit) + ": " + string(n.Command.Code)
}

// repetition says how often an event repeated; single is its text for one occurrence.
func repetition(n notify.Notification, single string) string {
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

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + clip(oneLine(reason), lineLimit)
}

func (r renderer) run(n notify.Notification) []block {
	blocks := []block{section(r.facts(n))}
	blocks = append(blocks, results(n.Run.Results)...)
	if e := n.Run.Error; e != nil {
		blocks = append(blocks, section("*Error* "+describe(e, errorLimit)))
	}
	return append(blocks, footer("workflow "+clip(n.Run.WorkflowID, nameLimit)+"   event "+clip(n.EventID, nameLimit)))
}

func (r renderer) facts(n notify.Notification) string {
	s := "*Tenant* " + clip(n.Run.TenantID, nameLimit)
	if shown := r.link(n); shown != "" {
		s += "   *Run* " + shown
	}
	return s + when(n, "Ended")
}

// when returns the time of the event. For a group it is that of the latest one, as are the
// other details.
func when(n notify.Notification, what string) string {
	if n.Times > 1 {
		what = "Latest"
	}
	return "   *" + what + "* " + n.At.UTC().Format("2006-01-02 15:04:05 UTC")
}

// link returns the number of a run, as a link if RunURL is configured.
func (r renderer) link(n notify.Notification) string {
	run := n.Run
	if run.RunNumber == 0 {
		return ""
	}
	name := strconv.FormatInt(run.RunNumber, 10)
	to := inLink.Replace(strings.NewReplacer(
		"{workflowId}", url.PathEscape(run.WorkflowID), "{runId}", url.PathEscape(run.RunID), "{runNumber}", name).Replace(r.runURL))
	if to == "" || len(to) > linkLimit {
		return name
	}
	return "<" + to + "|" + name + ">"
}

// inLink escapes the characters that would end a URL between < and |.
var inLink = strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;")

// command renders a rejected command: its sender, the reason, and where the original is.
func (r renderer) command(n notify.Notification) []block {
	c := n.Command
	facts := "*Subject* " + clip(c.Subject, nameLimit)
	if c.Event != nil {
		facts += "   *Source* " + clip(oneLine(c.Event.Source), nameLimit) + "   *ID* " + clip(oneLine(c.Event.ID), nameLimit)
	}
	return []block{
		section(facts + when(n, "At")),
		section("*Reason* " + clip(oneLine(c.Reason), errorLimit)),
		footer(fmt.Sprintf("Show the original with lazisync deadletter show %d   event %s", c.DeadLetter.Sequence, clip(n.EventID, nameLimit))),
	}
}
