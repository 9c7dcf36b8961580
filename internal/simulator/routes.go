package simulator

import (
	"net/http"
	"strings"
)

// route is what stands behind a path of the API.
type route struct {
	kind *kind
	on   string // list or export
	of   *child // a list of the records of one parent; nil where it is of all
}

// name is that of the entity in the statistics and for faults.
func (r route) name() string {
	if r.of != nil {
		return r.of.name
	}
	return r.kind.name
}

// scope is what the app must be granted to call it.
func (r route) scope() string {
	if r.of != nil {
		return r.of.scope
	}
	return r.kind.scope
}

// routes are all operations, by path.
func (w *world) routes() map[string]route {
	routes := map[string]route{}
	for _, k := range w.kinds {
		for _, path := range []string{k.export, k.legacy} {
			if path != "" {
				routes[path] = route{kind: k, on: onExport}
			}
		}
		if k.list != "" {
			routes[k.list] = route{kind: k, on: onList}
		}
	}
	for i := range children {
		c := &children[i]
		routes[c.path] = route{kind: w.kind(c.entity), on: onList, of: c}
	}
	return routes
}

// match finds the operation that a request is for, the tenant it names, and
// the parent where it asks for the records of one.
func (s *Simulator) match(r *http.Request) (found route, tenant, parent string, ok bool) {
	parts := strings.Split(r.URL.Path, "/") // "", module, version, "tenant", number, …
	if r.Method != http.MethodGet || len(parts) < 6 {
		return route{}, "", "", false
	}
	tenant, parts[4] = parts[4], "{tenant}"
	if found, ok = s.routes[strings.Join(parts, "/")]; ok {
		return found, tenant, "", true
	}
	if len(parts) < 8 {
		return route{}, "", "", false
	}
	parent, parts[6] = parts[6], "{id}"
	found, ok = s.routes[strings.Join(parts, "/")]
	return found, tenant, parent, ok
}
