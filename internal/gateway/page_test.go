package gateway

import (
	"io/fs"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lazi/lazisync/events"
)

func TestPageHasEveryModeAndEntity(t *testing.T) {
	t.Parallel()
	body := open(t, nil).send(http.MethodGet, "/", "").body
	for _, mode := range events.Modes() {
		assert.Contains(t, body, `<i id="`+string(mode.Mode)+`" data-title="`+mode.Title+`"`)
	}
	assert.Contains(t, body, `<option value="jobs">`)
	assert.NotContains(t, body, "{{")
	assert.NotContains(t, body, "/* page.")
}

func TestPageModuleHasEveryScript(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(pageScripts, "page/*.js")
	require.NoError(t, err)
	assert.Len(t, pageModule, len(files))
}

// Text from data is added as text nodes: the script has no way to add markup.
func TestPageScriptAddsNoMarkup(t *testing.T) {
	t.Parallel()
	body := newPage(nil).body
	for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"} {
		assert.NotContains(t, body, way)
	}
}
