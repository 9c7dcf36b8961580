package gateway

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lazi/lazisync/events"
)

func TestPageHasAButtonForEachMode(t *testing.T) {
	t.Parallel()
	for _, mode := range events.Modes() {
		button := fmt.Sprintf(`data-start="%s">%s</button>`, mode.Mode, mode.PageButton)
		if mode.PageButton == "" {
			assert.NotContains(t, string(pageHTML), fmt.Sprintf(`data-start="%s"`, mode.Mode))
			continue
		}
		assert.Contains(t, string(pageHTML), button)
	}
}
