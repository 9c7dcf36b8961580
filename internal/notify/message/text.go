package message

import (
	"fmt"
	"strings"
	"time"
)

const ellipsis = "…"

// clip escapes a text and truncates it to a number of bytes, never within a character or an
// escape. Where a channel counts characters, there are never more of them than bytes.
func (r Renderer) clip(s string, limit int) string {
	var out strings.Builder
	cut := 0 // bytes that fit together with an ellipsis
	for _, char := range strings.ToValidUTF8(s, "\uFFFD") {
		piece, ok := r.Markup.Escapes[char]
		if !ok {
			piece = string(char)
		}
		if out.Len()+len(piece) > limit {
			return out.String()[:cut] + ellipsis
		}
		out.WriteString(piece)
		if out.Len()+len(ellipsis) <= limit {
			cut = out.Len()
		}
	}
	return out.String()
}

// Clip returns the text as one line of at most limit bytes.
func Clip(s string, limit int) string { return Renderer{}.clip(oneLine(s), limit) }

// oneLine joins lines and removes control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

// duration formats the two largest units.
func duration(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
