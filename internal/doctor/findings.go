package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Status is the result of a check.
type Status string

const (
	OK      Status = "ok"
	Warning Status = "warn" // works, but somebody should look at it
	Failure Status = "FAIL" // does not work
)

// Finding is one line of the report. Its JSON is public.
type Finding struct {
	Status Status `json:"status"`
	Check  string `json:"check"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // what to do; "" with OK
}

// MarshalJSON adds the deprecated names of status and fix.
func (f Finding) MarshalJSON() ([]byte, error) {
	type finding Finding
	return json.Marshal(struct {
		finding
		DeprecatedStatus Status `json:"verdict"`
		DeprecatedFix    string `json:"mend,omitempty"`
	}{finding(f), f.Status, f.Fix})
}

type findings []Finding

func (f *findings) ok(check, format string, args ...any) {
	*f = append(*f, Finding{OK, check, fmt.Sprintf(format, args...), ""})
}

func (f *findings) warn(fix, check, format string, args ...any) {
	*f = append(*f, Finding{Warning, check, fmt.Sprintf(format, args...), fix})
}

func (f *findings) fail(fix, check, format string, args ...any) {
	*f = append(*f, Finding{Failure, check, fmt.Sprintf(format, args...), fix})
}

func printFindings(out io.Writer, all findings, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(all)
	}
	width, counts := 0, map[Status]int{}
	for _, f := range all {
		width = max(width, len(f.Check))
		counts[f.Status]++
	}
	for _, f := range all {
		fmt.Fprintf(out, "%-4s  %-*s  %s\n", f.Status, width, f.Check, strings.Join(strings.Fields(f.Detail), " ")) // one line
		if f.Fix != "" {
			fmt.Fprintf(out, "%s  fix: %s\n", strings.Repeat(" ", 6+width), f.Fix)
		}
	}
	_, err := fmt.Fprintf(out, "\n%d checks: %d ok, %d warnings, %d failures\n", len(all), counts[OK], counts[Warning], counts[Failure])
	return err
}
