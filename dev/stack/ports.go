package stack

import (
	"fmt"
	"net"

	"github.com/lazi/lazisync/dev/ports"
)

// Default ports.
const (
	natsPort       = 4222
	temporalPort   = 7233
	gatewayPort    = 8080
	temporalUIPort = 8088
	slackPort      = 8098
	simulatorPort  = 8099
	adminPort      = 9090
	postgresPort   = 15432 // not 5432, because PostgreSQL often runs there
)

// reservedPorts are the ports of all servers.
type reservedPorts struct {
	postgres, nats, temporal, temporalUI, simulator, slack, gateway, admin reservedPort
}

// reservedPort is a port on which a server will listen.
type reservedPort struct {
	ports.Port
	set  string       // the address that the user set, or ""
	held net.Listener // reserves the port until the server listens
}

// reservePorts finds a port for each server. It listens on all of them until the last is
// found, so that they differ, and then closes the listeners except that of the simulator,
// which uses it. An address that the user set for the gateway or the admin endpoints is only
// checked.
func reservePorts(free bool, env environment) (*reservedPorts, error) {
	p := &reservedPorts{}
	for _, choice := range []struct {
		port   *reservedPort
		name   string
		usual  int    // the default port
		set    string // the variable by which the user can set the address
		needed bool
		itself bool // the server can select a free port itself, which avoids races
	}{
		{&p.postgres, postgreSQL.name, postgresPort, "", env.configured(postgreSQL) == "", true},
		{&p.nats, natsJetStream.name, natsPort, "", env.configured(natsJetStream) == "", true},
		{&p.temporal, temporalServer.name, temporalPort, "", env.configured(temporalServer) == "", false},
		{&p.temporalUI, "Temporal UI", temporalUIPort, "", env.configured(temporalServer) == "", false},
		{&p.simulator, serviceTitan.name, simulatorPort, "", env.configured(serviceTitan) == "", false},
		{&p.slack, slackWebhook.name, slackPort, "", env.configured(slackWebhook) == "", true},
		{&p.gateway, "gateway", gatewayPort, "HTTP_ADDR", true, false},
		{&p.admin, "health and metrics", adminPort, "ADMIN_ADDR", true, false},
	} {
		var err error
		switch {
		case !choice.needed, free && choice.itself:
			continue
		case choice.set != "" && env[choice.set] != "":
			err = choice.port.take(choice.set, env[choice.set])
		case free:
			err = choice.port.find(ports.Request{Name: choice.name})
		default:
			err = choice.port.find(ports.Request{Name: choice.name, Port: choice.usual})
		}
		if err != nil {
			p.release(p.all()...)
			return nil, err
		}
	}
	p.release(&p.postgres, &p.nats, &p.temporal, &p.temporalUI, &p.slack, &p.gateway, &p.admin)
	return p, nil
}

func (p *reservedPorts) all() []*reservedPort {
	return []*reservedPort{&p.postgres, &p.nats, &p.temporal, &p.temporalUI, &p.simulator, &p.slack, &p.gateway, &p.admin}
}

func (p *reservedPort) find(w ports.Request) (err error) {
	p.held, p.Port, err = ports.Listen(w)
	return err
}

// take checks that the address of a variable can be used.
func (p *reservedPort) take(variable, addr string) (err error) {
	if p.held, err = net.Listen("tcp", addr); err != nil {
		return fmt.Errorf("%s: %w; free it or set another", variable, err)
	}
	p.Number = p.held.Addr().(*net.TCPAddr).Port
	p.set = p.held.Addr().String() // with the actual port if the configured one is 0
	return nil
}

// address returns the address that the user set, or 127.0.0.1 and the port.
func (p *reservedPort) address() string {
	if p.set != "" {
		return p.set
	}
	return p.Addr()
}

// listener returns the listener of the port; the caller closes it.
func (p *reservedPort) listener() net.Listener {
	l := p.held
	p.held = nil
	return l
}

// release closes the listeners of ports.
func (p *reservedPorts) release(list ...*reservedPort) {
	for _, one := range list {
		if one.held != nil {
			_ = one.held.Close() // there are no connections yet
			one.held = nil
		}
	}
}
