package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lazi/lazisync/internal/config"
	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/servicetitan"
)

// probesAtOnce keeps the doctor well within a tenant's budget of calls.
const probesAtOnce = 4

// examineServiceTitan asks for a little of every entity that is synced, tenant by tenant.
func (d *doctor) examineServiceTitan(ctx context.Context) (f findings) {
	if len(d.cfg.Tenants) == 0 {
		f.fail("set SERVICETITAN_TENANT_ID, or SERVICETITAN_TENANTS_FILE", "servicetitan", "no tenant is configured")
		return f
	}
	client := newSource(d.cfg, nil, d.log)
	results := make([]findings, len(d.cfg.Tenants))
	var all sync.WaitGroup
	for i, t := range d.cfg.Tenants {
		all.Go(func() { results[i] = examineTenant(ctx, client, t) })
	}
	all.Wait()
	return slices.Concat(results...)
}

func examineTenant(ctx context.Context, client *servicetitan.Client, t config.Tenant) (f findings) {
	check := "tenant " + t.ID
	for _, c := range []struct{ name, value string }{
		{"SERVICETITAN_CLIENT_ID", t.ClientID}, {"SERVICETITAN_CLIENT_SECRET", string(t.ClientSecret)}, {"SERVICETITAN_APP_KEY", string(t.AppKey)},
	} {
		if c.value == "" {
			f.fail("set "+c.name+", or the tenant's own in the tenants file", check, "%s is not set", c.name)
		}
	}
	if len(f) > 0 {
		return f
	}
	probes := probeAll(ctx, client, t)
	for _, p := range probes {
		if p.kind() == servicetitan.AuthError { // all others say the same
			f.fail("correct the client id, the client secret and the app key, and look whether the tenant has connected the app", check, "%v", p.err)
			return f
		}
	}
	for _, p := range probes {
		if p.err == nil {
			f.ok(check, "credentials are good, %d entities looked at", len(probes))
			f.skew(check+" clock", p.skew)
			break
		}
	}
	for _, p := range probes {
		p.judge(check, &f)
	}
	return f
}

// entityProbe is what ServiceTitan said of one entity.
type entityProbe struct {
	entity entity.Entity
	skew   time.Duration // of its clock against ours, in whole seconds as it shows them
	err    error
}

func probeAll(ctx context.Context, client *servicetitan.Client, t config.Tenant) []entityProbe {
	probes := make([]entityProbe, len(t.Entities))
	slots := make(chan struct{}, probesAtOnce)
	var all sync.WaitGroup
	for i, name := range t.Entities {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p := &probes[i]
			p.entity, _ = entity.Find(name)
			asked := time.Now()
			var date time.Time
			date, p.err = client.Probe(ctx, t.ID, p.entity)
			p.skew = date.Sub(asked.Add(time.Since(asked) / 2)).Truncate(time.Second)
		})
	}
	all.Wait()
	return probes
}

// kind is what went wrong, "" where nothing did.
func (p entityProbe) kind() servicetitan.Kind {
	var failed *servicetitan.Error
	if errors.As(p.err, &failed) {
		return failed.Kind
	}
	return ""
}

func (p entityProbe) judge(tenant string, f *findings) {
	name := p.entity.Name
	check := tenant + ": " + name
	switch {
	case p.err == nil:
		f.ok(check, "can be read, scope %s", p.entity.Scope)
	case p.kind() == servicetitan.PermissionError:
		f.fail(fmt.Sprintf("grant the app the scope %s, and have the tenant connect it again; or leave %s out of SYNC_ENTITIES", p.entity.Scope, name),
			check, "%v", p.err)
	case p.kind() == servicetitan.NotFound:
		f.fail(fmt.Sprintf("leave %s out of SYNC_ENTITIES: ServiceTitan does not offer it here", name), check, "%v", p.err)
	default:
		f.fail("look at ServiceTitan's status page, and whether SERVICETITAN_ENVIRONMENT is right", check, "%v", p.err)
	}
}
