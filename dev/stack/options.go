package stack

import (
	"github.com/rs/zerolog"

	"github.com/lazi/lazisync/internal/simulator"
)

// Options configure a stack. Only Dir is required.
type Options struct {
	// Dir is the folder of all data. The caller must ensure that only one stack uses it.
	Dir string
	// Fresh deletes the data of earlier stacks in Dir.
	Fresh bool
	// Environ has NAME=value entries, as os.Environ returns them. A service whose address
	// it contains is not started.
	Environ []string
	// Isolated ignores every variable of lazisync in Environ, and starts everything.
	Isolated bool
	// FreePorts uses free ports instead of the default ones. For tests.
	FreePorts bool
	// Unsafe turns off durability against power loss, which is faster. For tests.
	Unsafe bool
	// Simulator configures the simulated ServiceTitan. If RecordsPerEntity is 0, the number
	// of an existing Dir applies, or DefaultRecords.
	Simulator simulator.Options
	// OtherTenants are additional tenants at the same address. Environ then has a tenants
	// file.
	OtherTenants []simulator.Options
	// Webhooks makes the simulated ServiceTitan send webhooks to the gateway.
	Webhooks bool
	// Log receives the warnings of the servers.
	Log zerolog.Logger
	// Ready is called for each service when it answers, and for notes while it starts. Calls
	// are not concurrent.
	Ready func(Service)
}

// DefaultRecords is the default number of records per entity of the simulated ServiceTitan.
const DefaultRecords = 10_000

// Embedded is the value of Service.From for a service that the stack started.
const Embedded = "embedded"

// Service describes a service to the user.
type Service struct {
	Name    string
	Address string // without passwords; empty if it is configured
	From    string // Embedded, or the variable that configures it; empty while it starts
	Note    string // additional information, or ""
}
