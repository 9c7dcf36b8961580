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

// tab is a tab of a Chromium without cookies.
type tab struct {
	ctx context.Context

	mu      sync.Mutex
	console []chromedp.ConsoleMessage
	known   []string // expected console messages
}

// consoleEnd is the message after which the console is not read any more.
const consoleEnd = "the test is over"

// openTab starts the browser. The test fails on any unexpected output in its console.
func openTab(t *testing.T) *tab {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.WindowSize(1280, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has no sandbox for root
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
			if err != nil || m.Text == consoleEnd {
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
		p.run(t, chromedp.Evaluate[chromedp.Void](`console.log(`+quote(consoleEnd)+`)`))
		<-over
		for _, m := range p.console {
			text := fmt.Sprintf("%s, at %s:%d", m, m.URL, m.Line)
			require.True(t, slices.ContainsFunc(p.known, func(part string) bool { return strings.Contains(text, part) }), "the console says %s", text)
		}
	})
	return p
}

// expect allows a message in the browser's console.
func (p *tab) expect(parts ...string) { p.known = append(p.known, parts...) }

func (p *tab) run(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, waitLimit)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

func (p *tab) open(t *testing.T, url string) {
	t.Helper()
	p.run(t, chromedp.Navigate(url))
}

// eval returns the value of an expression in the page.
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
	}, waitLimit, tick, "%s", expression)
}

// see waits until an element of the page shows a text.
func (p *tab) see(t *testing.T, selector, text string) {
	t.Helper()
	p.await(t, `[...document.querySelectorAll(`+quote(selector)+`)].some(e => e.checkVisibility() && e.innerText.includes(`+quote(text)+`))`)
}

// button returns the visible button with an accessible name.
func button(name string) string {
	return `[...document.querySelectorAll('button')].find(b => b.checkVisibility() && (b.ariaLabel || b.innerText) === ` + quote(name) + `)`
}

// press clicks the visible button with an accessible name.
func (p *tab) press(t *testing.T, name string) {
	t.Helper()
	p.click(t, button(name))
}

// follow clicks a visible link with a text.
func (p *tab) follow(t *testing.T, text string) {
	t.Helper()
	p.click(t, `[...document.querySelectorAll('a')].find(a => a.checkVisibility() && (a.ariaLabel || a.innerText) === `+quote(text)+`)`)
}

// click clicks an element once it is enabled and nothing covers its middle. It looks and clicks in one step of the
// page, so that no refresh can move or replace the element in between.
func (p *tab) click(t *testing.T, element string) {
	t.Helper()
	p.await(t, `(e => {
		e?.scrollIntoView({block: 'center'});
		const at = e?.getClientRects()[0];
		if (!at || e.ariaDisabled === 'true' || !e.contains(document.elementFromPoint(at.left + at.width / 2, at.top + at.height / 2))) return false;
		e.focus();
		e.click();
		return true;
	})(`+element+`)`)
}

// fill replaces the text of a field.
func (p *tab) fill(t *testing.T, selector, text string) {
	t.Helper()
	p.await(t, `document.querySelector(`+quote(selector)+`)?.checkVisibility() === true`)
	p.run(t, chromedp.SetValue(chromedp.CSS(selector), text))
}

// confirm presses a button that opens the dialog, checks its text, and answers it.
func (p *tab) confirm(t *testing.T, name, text, reason, answer string) {
	t.Helper()
	p.press(t, name)
	p.see(t, "#dialog-text", text)
	if reason != "" {
		p.fill(t, "#reason", reason)
	}
	p.press(t, answer)
}

// enter types a line into the field that has the focus, as soon as one has it: a new page gives it later than it shows it.
func (p *tab) enter(t *testing.T, text string) {
	t.Helper()
	p.await(t, `document.activeElement?.nodeName === 'INPUT'`)
	p.run(t, chromedp.KeyEvent(text+"\r"))
}

// quote returns a text as a JavaScript literal.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return err.Error()
	}
	return string(quoted)
}
