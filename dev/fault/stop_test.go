//go:build fault

package fault

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// stopsInTime stops every role during its work while a server does not answer. The roles must not
// wait for the server, because a container is killed soon after. New roles resume the work.
func (r *rig) stopsInTime(t *testing.T, freeze, thaw func()) {
	t.Helper()
	var roles []*role
	for _, name := range allRoles {
		roles = append(roles, r.start(t, name))
	}
	r.firstSync(t)
	r.stack.Simulator.SetPace(20 * time.Millisecond)
	stop := r.load(t, 100*time.Millisecond)
	r.full(t)
	r.awaitPages(t, 20)
	freeze()
	var all sync.WaitGroup
	for _, one := range roles {
		all.Go(func() { assert.Less(t, one.stop(t), 32*time.Second, one.name) }) // 30, and some for a machine that is busy
	}
	all.Wait()
	thaw()
	thawed := time.Now()
	r.startAll(t, allRoles...)
	stop()
	r.checkOracle(t, thawed)
}
