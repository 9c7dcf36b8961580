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

// place is a port that was free a moment ago.
type place struct {
	ports.Port
	set  string       // the address the user set, or ""
	held net.Listener // until its user listens itself
}

// choosePlaces finds a port for everybody. All are held until the last is found, so that
// none is chosen twice, and then let go at once, except for one that is used as it is: a
// process that is being started meanwhile would hold them too for a moment.
// Where the user set the address of the gateway or the admin endpoints, it is only checked.
func choosePlaces(free bool, env environment) (*places, error) {
	p := &places{}
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
		var err error
		switch {
		case !choice.needed, free && choice.itself:
			continue
		case choice.set != "" && env[choice.set] != "":
			err = choice.place.take(choice.set, env[choice.set])
		case free:
			err = choice.place.find(ports.Wish{Name: choice.name})
		default:
			err = choice.place.find(ports.Wish{Name: choice.name, Port: choice.usual})
		}
		if err != nil {
			p.release(p.all()...)
			return nil, err
		}
	}
	p.release(&p.postgres, &p.nats, &p.temporal, &p.temporalUI, &p.slack, &p.gateway, &p.admin)
	return p, nil
}

func (p *places) all() []*place {
	return []*place{&p.postgres, &p.nats, &p.temporal, &p.temporalUI, &p.simulator, &p.slack, &p.gateway, &p.admin}
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

// listener hands the held port over.
func (p *place) listener() net.Listener {
	l := p.held
	p.held = nil
	return l
}

// release lets go of ports.
func (p *places) release(list ...*place) {
	for _, one := range list {
		if one.held != nil {
			_ = one.held.Close() // nobody connected to it
			one.held = nil
		}
	}
}
