package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// cpuUse is CPU time in seconds. The other servers are NATS, Temporal and the simulated
// ServiceTitan, which run in this process.
type cpuUse struct{ workers, others, postgres, servers float64 }

func (c cpuUse) minus(o cpuUse) cpuUse {
	return cpuUse{c.workers - o.workers, c.others - o.others, c.postgres - o.postgres, c.servers - o.servers}
}

func (c cpuUse) plus(o cpuUse) cpuUse {
	return cpuUse{c.workers + o.workers, c.others + o.others, c.postgres + o.postgres, c.servers + o.servers}
}

// cpu returns the CPU time used so far by the processes that run.
func (d *deployment) cpu() (c cpuUse) {
	for _, r := range d.roles {
		if r.name == "worker" {
			c.workers += cpuSeconds(r.Pid())
		} else {
			c.others += cpuSeconds(r.Pid())
		}
	}
	c.postgres, c.servers = treeCPUSeconds(d.stack.PostgresPid()), cpuSeconds(os.Getpid())
	return c
}

// remotes are the servers of which connections are counted, in the order of the columns.
var remotes = []string{"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS"}

// peaks are the most connections that one process of each role had at a time, by role.
type peaks map[string]map[int]int

// watchConnections observes the connections until the returned function is called.
func (d *deployment) watchConnections(ctx context.Context) (stop func() peaks) {
	ctx, cancel := context.WithCancel(ctx)
	most := peaks{}
	var done sync.WaitGroup
	roles := append([]*role(nil), d.roles...)
	done.Go(func() {
		for ctx.Err() == nil {
			for _, r := range roles {
				most.note(r)
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() peaks {
		cancel()
		done.Wait()
		return most
	}
}

func (p peaks) note(r *role) {
	if p[r.name] == nil {
		p[r.name] = map[int]int{}
	}
	for port, n := range connections(r.Pid()) {
		p[r.name][port] = max(p[r.name][port], n)
	}
}

// resources returns the memory and the connections of one process of each role.
func (d *deployment) resources(most peaks) table {
	t := table{
		Title:   "One process of each role, at most",
		Columns: []string{"role", "resident memory (MiB)", "connections to PostgreSQL", "to NATS", "to Temporal"},
	}
	for _, name := range roleNames {
		row := []any{name, d.peakMemory(name)}
		for _, variable := range remotes {
			row = append(row, most[name][d.port(variable)])
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// roleNames are the roles of the deployment, in the order of the tables.
var roleNames = []string{"bridge", "worker", "notifier", "gateway"}

// peakMemory returns the most resident memory of a process of a role, in MiB.
func (d *deployment) peakMemory(name string) (most float64) {
	for _, r := range d.roles {
		if r.name == name {
			most = max(most, peakMiB(r.Pid()))
		}
	}
	return most
}

// port returns the port of a server, whose address is a URL or host:port.
func (d *deployment) port(variable string) int {
	address := d.stack.Variable(variable)
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Host
	}
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}
