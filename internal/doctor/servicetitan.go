package doctor

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

// maxProbes bounds concurrent calls, to stay well within the rate limit of a tenant.
const maxProbes = 4

// checkServiceTitan requests a few records of every configured entity, for each tenant.
func (d *Doctor) checkServiceTitan(ctx context.Context) (f findings) {
	if len(d.Config.Tenants) == 0 {
		f.fail("set SERVICETITAN_TENANT_ID, or SERVICETITAN_TENANTS_FILE", "servicetitan", "no tenant is configured")
		return f
	}
	results := make([]findings, len(d.Config.Tenants))
	var all sync.WaitGroup
	for i, t := range d.Config.Tenants {
		all.Go(func() { results[i] = d.checkTenant(ctx, t) })
	}
	all.Wait()
	return slices.Concat(results...)
}

func (d *Doctor) checkTenant(ctx context.Context, t config.Tenant) (f findings) {
	check := "tenant " + string(t.ID)
	for _, c := range []struct{ name, value string }{
		{"SERVICETITAN_CLIENT_ID", t.ClientID}, {"SERVICETITAN_CLIENT_SECRET", string(t.ClientSecret)}, {"SERVICETITAN_APP_KEY", string(t.AppKey)},
	} {
		if c.value == "" {
			f.fail("set "+c.name+", or the field of the tenant in the tenants file", check, "%s is not set", c.name)
		}
	}
	if len(f) > 0 {
		return f
	}
	probes := d.probeEntities(ctx, t)
	for _, p := range probes {
		if p.kind() == servicetitan.AuthError { // all others have the same error
			f.fail("correct the client id, the client secret and the app key, and check that the tenant has connected the app", check, "%v", p.err)
			return f
		}
	}
	for _, p := range probes {
		if p.err == nil {
			f.ok(check, "credentials are valid, %d entities checked", len(probes))
			f.skew(check+" clock", p.skew)
			break
		}
	}
	for _, p := range probes {
		p.report(check, &f)
	}
	return f
}

// entityProbe is the response of ServiceTitan for one entity.
type entityProbe struct {
	entity entity.Entity
	skew   time.Duration // of its clock against ours, in whole seconds
	err    error
}

func (d *Doctor) probeEntities(ctx context.Context, t config.Tenant) []entityProbe {
	probes := make([]entityProbe, len(t.Entities))
	slots := make(chan struct{}, maxProbes)
	var all sync.WaitGroup
	for i, name := range t.Entities {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			p := &probes[i]
			p.entity, _ = entity.Find(name)
			start := time.Now()
			var date time.Time
			date, p.err = d.ServiceTitan.Probe(ctx, t.ID, p.entity)
			p.skew = date.Sub(start.Add(time.Since(start) / 2)).Truncate(time.Second)
		})
	}
	all.Wait()
	return probes
}

// kind returns the kind of the error, "" if there is none.
func (p entityProbe) kind() servicetitan.Kind {
	var failed *servicetitan.Error
	if errors.As(p.err, &failed) {
		return failed.Kind
	}
	return ""
}

func (p entityProbe) report(tenant string, f *findings) {
	name := p.entity.Name
	check := tenant + ": " + name
	switch {
	case p.err == nil:
		f.ok(check, "readable, scope %s", p.entity.Scope)
	case p.kind() == servicetitan.PermissionError:
		f.fail(fmt.Sprintf("grant the app the scope %s and have the tenant connect it again, or remove %s from SYNC_ENTITIES", p.entity.Scope, name),
			check, "%v", p.err)
	case p.kind() == servicetitan.NotFound:
		f.fail(fmt.Sprintf("remove %s from SYNC_ENTITIES: ServiceTitan does not have it for this tenant", name), check, "%v", p.err)
	default:
		f.fail("see ServiceTitan's status page, and check SERVICETITAN_ENVIRONMENT", check, "%v", p.err)
	}
}
