//go:build browser

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is what somebody sees in a browser: a Chromium of its own, without cookies.
type tab struct {
	ctx context.Context

	mu      sync.Mutex
	console []chromedp.ConsoleMessage
	known   []string // what the console may say
}

// lastWords end what is listened to on the console.
const lastWords = "the test is over"

// openTab starts the browser. The test fails on anything in its console, down to hints
// for developers, that it did not say it would bring about.
func openTab(t *testing.T) *tab {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.WindowSize(1280, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	p := &tab{ctx: ctx}
	require.NoError(t, chromedp.Do(ctx))
	messages := chromedp.Console(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for m, err := range messages {
			if err != nil || m.Text == lastWords {
				return
			}
			p.mu.Lock()
			p.console = append(p.console, m)
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page shows:\n%s", eval[string](t, p, `document.body.innerText`))
		}
		p.run(t, chromedp.Evaluate[chromedp.Void](`console.log(`+quote(lastWords)+`)`))
		<-over
		for _, m := range p.console {
			text := fmt.Sprintf("%s, at %s:%d", m, m.URL, m.Line)
			require.True(t, slices.ContainsFunc(p.known, func(part string) bool { return strings.Contains(text, part) }), "the console says %s", text)
		}
	})
	return p
}

// expect says what the browser will write to its console, and rightly.
func (p *tab) expect(parts ...string) { p.known = append(p.known, parts...) }

func (p *tab) run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

func (p *tab) open(t *testing.T, url string) {
	t.Helper()
	p.run(t, chromedp.Navigate(url))
}

// eval is the value of an expression in the page.
func eval[T any](t *testing.T, p *tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	require.NoError(t, err, expression)
	return value
}

// await waits until an expression is true in the page, across reloads.
func (p *tab) await(t *testing.T, expression string) {
	t.Helper()
	require.Eventually(t, func() bool {
		is, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](expression))
		return err == nil && is
	}, patience, tick, "%s", expression)
}

// see waits until a part of the page can be seen to say something.
func (p *tab) see(t *testing.T, selector, text string) {
	t.Helper()
	p.await(t, `[...document.querySelectorAll(`+quote(selector)+`)].some(e => e.checkVisibility() && e.innerText.includes(`+quote(text)+`))`)
}

// button is the visible button of an accessible name.
func button(name string) string {
	return `[...document.querySelectorAll('button')].find(b => b.checkVisibility() && (b.ariaLabel || b.innerText) === ` + quote(name) + `)`
}

// press clicks a button with the mouse, once it is there.
func (p *tab) press(t *testing.T, name string) {
	t.Helper()
	p.await(t, button(name)+` !== undefined`)
	p.run(t, chromedp.Click(chromedp.JSPath(button(name))))
}

// enter types a line into the field that has the focus.
func (p *tab) enter(t *testing.T, text string) {
	t.Helper()
	p.run(t, chromedp.KeyEvent(text+"\r"))
}

// quote is a text as JavaScript writes it.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return err.Error()
	}
	return string(quoted)
}
