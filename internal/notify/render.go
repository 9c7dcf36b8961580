package notify

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lazi/lazisync/events"
)

// Slack refuses a text of more than 3,000 characters, and a message whose texts come to
// more than about 12,000 of them, blocks and escapes included
// (https://docs.slack.dev/reference/block-kit/blocks/section-block,
// https://github.com/slackapi/bolt-js/issues/2509). The limits below count bytes and
// together stay under 10,000.
const (
	sectionLimit = 2900
	maxSections  = 2   // of lines
	reserve      = 100 // for the line that says how many more there are
	titleLimit   = 300
	errorLimit   = 1000 // of the run's error, of the reason of a rejection
	lineLimit    = 300  // of the text in an entity's line
	nameLimit    = 150
	linkLimit    = 700
)

// modeName returns the title of a mode, also of one of a later version.
func modeName(mode events.Mode) string {
	return events.Mode(clip(oneLine(string(mode)), nameLimit)).Info().Title
}

var colors = map[Outcome]string{Completed: "#2eb67d", Failed: "#e01e5a", Cancelled: "#ecb22e", Rejected: "#ecb22e"}

// renderer makes the messages that people read.
type renderer struct {
	runURL string // where a run is shown, with {workflowId}, {runId} and {runNumber} in it
	now    time.Time
}

// message is about one notification, or a digest of several.
func (r renderer) message(list []Notification) message {
	if len(list) > 1 {
		return r.digest(list)
	}
	n := list[0]
	m := message{Channel: n.To, Text: r.title(n), Parse: "none"}
	blocks := r.run
	if n.Outcome == Rejected {
		blocks = r.command
	}
	m.Attachments = []attachment{{Color: colors[n.Outcome], Blocks: blocks(n)}}
	return m
}

// title is what shows in a list of notifications: what happened, in a few words.
func (r renderer) title(n Notification) string {
	s := headline(n)
	if age := r.now.Sub(n.At); age > late && n.Times == 0 {
		s += fmt.Sprintf(" (%s ago)", duration(age))
	}
	return s
}

func headline(n Notification) string {
	if n.Outcome == Rejected {
		return rejection(n)
	}
	run := n.Run
	took := duration(run.FinishedAt.Sub(run.StartedAt))
	s := modeName(run.Mode) + " " + string(n.Outcome)
	switch n.Outcome {
	case Completed:
		var fetched int64
		for _, result := range run.Results {
			fetched += result.Fetched
		}
		return s + ": " + count(fetched, "record") + " in " + took
	case Failed:
		return s + repetition(n, " after "+took) + ": " + clip(several(failures(run)), titleLimit)
	default:
		return s + " after " + took + because(run.Reason)
	}
}

func rejection(n Notification) string {
	what := "A command on " + n.Command.Subject + " was rejected"
	if n.Times > 1 {
		what = count(int64(n.Times), "command") + " on " + n.Command.Subject + " were rejected since " + clock(n.Since)
	}
	return clip(what, nameLimit) + ": " + string(n.Command.Code)
}

// repetition says how often the same happened, or else what is said of a single time.
func repetition(n Notification, single string) string {
	switch n.Times {
	case 0:
		return single
	case 1:
		return " again" + single
	default:
		return fmt.Sprintf(" %d times since %s", n.Times, clock(n.Since))
	}
}

// several names the first of a list, and how many more there are.
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

func (r renderer) run(n Notification) []block {
	blocks := []block{section(r.facts(n))}
	blocks = append(blocks, results(n.Run.Results)...)
	if e := n.Run.Error; e != nil {
		blocks = append(blocks, section("*Error* "+describe(e, errorLimit)))
	}
	return append(blocks, footer("workflow "+clip(n.Run.WorkflowID, nameLimit)+"   event "+clip(n.EventID, nameLimit)))
}

func (r renderer) facts(n Notification) string {
	s := "*Tenant* " + clip(n.Run.TenantID, nameLimit)
	if shown := r.link(n); shown != "" {
		s += "   *Run* " + shown
	}
	return s + when(n, "Ended")
}

// when is the time of what happened; where it happened often, the details are the last's.
func when(n Notification, what string) string {
	if n.Times > 1 {
		what = "The last"
	}
	return "   *" + what + "* " + n.At.UTC().Format("2006-01-02 15:04:05 UTC")
}

// link names a run and leads to where it is shown, if that is configured.
func (r renderer) link(n Notification) string {
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

// inLink escapes what would end an address between < and |.
var inLink = strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", "&", "&amp;")

// command is about a rejected command: whose it was, why, and where the original lies.
func (r renderer) command(n Notification) []block {
	c := n.Command
	facts := "*Subject* " + clip(c.Subject, nameLimit)
	if c.Event != nil {
		facts += "   *From* " + clip(oneLine(c.Event.Source), nameLimit) + "   *Id* " + clip(oneLine(c.Event.ID), nameLimit)
	}
	return []block{
		section(facts + when(n, "At")),
		section("*Why* " + clip(oneLine(c.Reason), errorLimit)),
		footer(fmt.Sprintf("The original is kept: lazisync deadletter show %d   event %s", c.DeadLetter.Sequence, clip(n.EventID, nameLimit))),
	}
}
