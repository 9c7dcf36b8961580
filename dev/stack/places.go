package stack

import (
	"fmt"
	"net"

	"github.com/lazi/lazisync/dev/ports"
)

// The ports that are used where they are free.
const (
	natsPort       = 4222
	temporalPort   = 7233
	gatewayPort    = 8080
	temporalUIPort = 8088
	slackPort      = 8098
	simulatorPort  = 8099
	adminPort      = 9090
	postgresPort   = 15432 // not PostgreSQL's own: it often runs already, for other work
)

// places are where everything will listen.
type places struct {
	postgres, nats, temporal, temporalUI, simulator, slack, gateway, admin place
}

// place is a port that is held until whoever is to use it starts.
type place struct {
	ports.Port
	held net.Listener
	set  string // the address the user set, or ""
}

// choosePlaces finds and holds a port for everybody, so that none is chosen twice.
// Where the user set the address of the gateway or the admin endpoints, it is left
// alone and only checked.
func choosePlaces(free bool, env environment) (_ *places, err error) {
	p := &places{}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	for _, choice := range []struct {
		place  *place
		name   string
		usual  int
		set    string // the variable by which the user can set the address
		needed bool
		itself bool // whoever uses the place can find a free port itself, which is safer
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
		switch {
		case !choice.needed, free && choice.itself:
		case choice.set != "" && env[choice.set] != "":
			err = choice.place.take(choice.set, env[choice.set])
		case free:
			err = choice.place.find(ports.Wish{Name: choice.name})
		default:
			err = choice.place.find(ports.Wish{Name: choice.name, Port: choice.usual})
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *place) find(w ports.Wish) (err error) {
	p.held, p.Port, err = ports.Listen(w)
	return err
}

// take checks that an address the user set can be used.
func (p *place) take(variable, addr string) (err error) {
	if p.held, err = net.Listen("tcp", addr); err != nil {
		return fmt.Errorf("%s: %w; free it or set another", variable, err)
	}
	p.Number = p.held.Addr().(*net.TCPAddr).Port
	p.set = p.held.Addr().String() // with the real port, where 0 was asked for
	return nil
}

// address is where to listen: what the user set, else 127.0.0.1 and the port.
func (p *place) address() string {
	if p.set != "" {
		return p.set
	}
	return p.Addr()
}

// yield lets go of the port: its user starts now. It is 0 where the user is to find one.
func (p *place) yield() int {
	if p.held != nil {
		_ = p.held.Close() // a listener nobody connected to
		p.held = nil
	}
	return p.Number
}

// listener hands the held port over.
func (p *place) listener() net.Listener {
	l := p.held
	p.held = nil
	return l
}

func (p *places) release() {
	for _, one := range []*place{&p.postgres, &p.nats, &p.temporal, &p.temporalUI, &p.simulator, &p.slack, &p.gateway, &p.admin} {
		one.yield()
	}
}
