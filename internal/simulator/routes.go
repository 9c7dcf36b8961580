package simulator

import (
	"net/http"
	"strings"
)

// route is the operation of a path of the API.
type route struct {
	kind *kind
	on   string // list or export
	of   *child // the list of the records of one parent; nil for a list of all records
}

// name returns the name of the entity in statistics and faults.
func (r route) name() string {
	if r.of != nil {
		return r.of.name
	}
	return r.kind.name
}

// scope returns the OAuth scope that the operation requires.
func (r route) scope() string {
	if r.of != nil {
		return r.of.scope
	}
	return r.kind.scope
}

// routes returns all operations by path.
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

// match returns the operation of a request, its tenant, and the parent whose records it lists.
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
