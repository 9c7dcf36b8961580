package main

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// silence is the time without output after which a line of progress follows, within a second.
const silence = 9 * time.Second

// progress says which tests run, for a line of output when nothing else is printed.
type progress struct {
	began   time.Time
	started map[key]time.Time // top-level tests that run now
	ended   int
}

func newProgress() *progress {
	return &progress{began: time.Now(), started: map[key]time.Time{}}
}

// handle follows the top-level tests. A parallel test is paused until the sequential ones of its
// package are over.
func (p *progress) handle(e event, now time.Time) {
	if e.Test == "" || strings.Contains(e.Test, "/") {
		return
	}
	at := key{e.Package, e.Test}
	switch e.Action {
	case "run", "cont":
		p.started[at] = now
	case "pause":
		delete(p.started, at)
	case "pass", "fail", "skip":
		delete(p.started, at)
		p.ended++
	}
}

// line describes the state: time, number of tests that ended, and the test that has run longest.
func (p *progress) line(now time.Time) string {
	text := fmt.Sprintf("  ... %s, %d tests ended", now.Sub(p.began).Round(time.Second), p.ended)
	if len(p.started) == 0 {
		return text + ", building"
	}
	var longest key
	for at, since := range p.started {
		if first := p.started[longest]; longest == (key{}) || since.Before(first) || since.Equal(first) && at.test < longest.test {
			longest = at
		}
	}
	return text + fmt.Sprintf(", %d running, longest: %s %s (%s)",
		len(p.started), path.Base(longest.pkg), longest.test, now.Sub(p.started[longest]).Round(time.Second))
}

// clockedWriter remembers when it wrote last.
type clockedWriter struct {
	io.Writer
	last time.Time
}

func (w *clockedWriter) Write(text []byte) (int, error) {
	w.last = time.Now()
	return w.Writer.Write(text)
}
