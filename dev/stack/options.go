package stack

import (
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/simulator"
)

// Options say what to start. Only Dir is required.
type Options struct {
	// Dir keeps everything between starts. Whoever calls sees to it that one stack at
	// a time uses it.
	Dir string
	// Fresh deletes what Dir kept of earlier stacks.
	Fresh bool
	// Environ is where configured addresses are looked for: NAME=value entries, as
	// os.Environ gives them. A service whose address is there is not started.
	Environ []string
	// Isolated ignores every variable of lazisync in Environ, and starts everything.
	Isolated bool
	// FreePorts takes any free ports rather than the usual ones. For tests.
	FreePorts bool
	// Unsafe gives up safety against power loss for speed. For tests.
	Unsafe bool
	// Simulator says what is simulated. Its RecordsPerEntity, if 0, is what Dir was
	// made with, and DefaultRecords in a new one.
	Simulator simulator.Options
	// OtherTenants are further companies at the same address. lazisync then gets a
	// tenants file.
	OtherTenants []simulator.Options
	// Webhooks has the simulated ServiceTitan deliver its changes to the gateway.
	Webhooks bool
	// Log receives the warnings of what is started.
	Log zerolog.Logger
	// Ready is told of every service as soon as it answers, and of what is worth
	// knowing on the way there, one at a time.
	Ready func(Service)
}

// DefaultRecords is how many records of each entity the simulated ServiceTitan has.
const DefaultRecords = 10_000

// Embedded is where a service that was started here comes from.
const Embedded = "embedded"

// Service is something lazisync uses, for people to read.
type Service struct {
	Name    string
	Address string // without passwords; empty where it was configured
	From    string // Embedded, or which variable configured it; empty while it starts
	Note    string // what else to know, or ""
}
