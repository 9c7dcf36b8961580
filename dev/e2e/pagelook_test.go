//go:build browser

package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// widths are those of a desktop, a tablet and a telephone.
var widths = []int64{1280, 800, 390}

// requireSound requires that the page is accessible: at each width, in light and dark, without a
// mouse, and by name.
func (p *tab) requireSound(t *testing.T) {
	t.Helper()
	for _, width := range widths {
		p.run(t, chromedp.EmulateViewport(width, 900))
		for _, scheme := range []string{"light", "dark"} {
			_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			require.NoError(t, err)
			require.Empty(t, eval[[]string](t, p, looks+`(`+quote(scheme)+`)`), "at %d px, %s", width, scheme)
		}
	}
	p.requireNames(t)
	p.requireKeys(t)
	p.run(t, chromedp.EmulateViewport(widths[0], 900))
}

// looks lists elements outside the window or their container, texts that a long word would take
// there, elements with too little contrast (WCAG 2.2 requires 4.5 to 1 for text), and a wrong color
// scheme.
const looks = `(scheme => {
	const problems = [];
	const luminance = color => {
		const [r, g, b] = color.match(/[\d.]+/g).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const back = luminance(getComputedStyle(document.body).backgroundColor);
	if ((back < 0.2) !== (scheme === 'dark')) problems.push('the background is not ' + scheme);
	if (document.documentElement.scrollWidth > innerWidth) problems.push('the page is ' + document.documentElement.scrollWidth + ' px wide');
	for (const e of document.body.querySelectorAll('*')) {
		if (!e.checkVisibility() || e.closest('.unseen, noscript, table.wide thead')) continue;
		const name = e.tagName + ' ' + e.className + ' "' + e.innerText + '"';
		const place = e.getBoundingClientRect();
		if (place.right > innerWidth + 0.5 || place.left < -0.5) problems.push(name + ' sticks out of the window');
		if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) problems.push(name + ' sticks out of its place');
		if (/^(P|LI|DD|H1|PRE)$/.test(e.tagName) && getComputedStyle(e).overflowWrap !== 'anywhere') problems.push(name + ' does not break long words');
		const writes = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
		if (!writes) continue;
		const text = luminance(getComputedStyle(e).color);
		const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
		if (contrast < 4.5) problems.push(name + ' has a contrast of ' + contrast.toFixed(1));
	}
	return problems;
})`

// controls are the roles of interactive elements and of progress indicators.
var controls = []string{"button", "textbox", "combobox", "DisclosureTriangle", "progressbar", "link", "checkbox"}

// requireNames requires that a screen reader has a name for every control.
func (p *tab) requireNames(t *testing.T) {
	t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(t, err)
	found := 0
	for _, node := range tree.Nodes {
		role := spoken(t, node.Role)
		if node.Ignored || !slices.Contains(controls, role) {
			continue
		}
		found++
		require.NotEmpty(t, spoken(t, node.Name), "a %s has no name", role)
	}
	require.NotZero(t, found)
}

func spoken(t *testing.T, v *accessibility.Value) (text string) {
	t.Helper()
	if v != nil {
		require.NoError(t, json.Unmarshal(v.Value, &text))
	}
	return text
}

// requireKeys requires that the Tab key reaches every control; of radio buttons the checked one, from
// which the arrow keys reach the others. A refresh may add and remove controls meanwhile: it requires those
// that are there from its beginning to its end.
func (p *tab) requireKeys(t *testing.T) {
	t.Helper()
	const (
		shown  = `(e => e.isConnected && e.checkVisibility() && (e.type !== 'radio' || e.checked))`
		missed = `window.controls.filter(e => ` + shown + `(e) && !window.reached.has(e)).map(e => e.outerHTML)`
	)
	controls := eval[int](t, p, `document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex'), window.reached = new Set(),
		(window.controls = [...document.querySelectorAll('button, input, select, summary, a')].filter(`+shown+`)).length`)
	for presses, found := 0, false; !found && presses < 2*controls; presses++ {
		p.run(t, chromedp.KeyEvent(kb.Tab))
		found = eval[bool](t, p, `window.reached.add(document.activeElement), `+missed+`.length === 0`)
	}
	require.Empty(t, eval[[]string](t, p, missed), "the Tab key does not reach them")
}
