package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// adminRoutes adds the routes for tests and the demo, which the client does not use.
func (s *Simulator) adminRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /_admin/faults", admin(func(_ http.ResponseWriter, r *http.Request) error {
		var fault Fault
		if err := decode(r.Body, &fault); err != nil {
			return err
		}
		return s.AddFault(fault)
	}))
	mux.HandleFunc("DELETE /_admin/faults", admin(func(http.ResponseWriter, *http.Request) error {
		s.ClearFaults()
		return nil
	}))
	mux.HandleFunc("GET /_admin/stats", func(w http.ResponseWriter, _ *http.Request) {
		s.send(w, jsonResponse(http.StatusOK, s.Stats()))
	})
	mux.HandleFunc("DELETE /_admin/stats", admin(func(http.ResponseWriter, *http.Request) error {
		s.ResetStats()
		return nil
	}))
	mux.HandleFunc("POST /_admin/pace", admin(func(_ http.ResponseWriter, r *http.Request) error {
		var pace struct {
			DelayMS int `json:"delayMs"`
		}
		if err := decode(r.Body, &pace); err != nil {
			return err
		}
		s.SetPace(time.Duration(pace.DelayMS) * time.Millisecond)
		return nil
	}))
	mux.HandleFunc("POST /_admin/fields", admin(func(_ http.ResponseWriter, r *http.Request) error {
		var added struct {
			Entity string          `json:"entity"`
			Field  string          `json:"field"`
			Value  json.RawMessage `json:"value"`
		}
		if err := decode(r.Body, &added); err != nil {
			return err
		}
		return s.AddField(added.Entity, added.Field, string(added.Value))
	}))
	mux.HandleFunc("POST /_admin/mutate", s.serveMutate)
	mux.HandleFunc("GET /_admin/records/{entity}", s.serveRecords)
	mux.HandleFunc("/_admin/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("unknown admin route %s %s", r.Method, r.URL.Path), http.StatusNotFound)
	})
}

// SetPace delays every page and every token.
func (s *Simulator) SetPace(delay time.Duration) { s.pace.Store(int64(delay)) }

// admin responds with 204, or with 400 and the error.
func admin(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// mutation asks for changes of random records of one entity, or of all busy entities if
// Entity is "".
type mutation struct {
	Entity     string `json:"entity"`
	Create     int    `json:"create"`
	Update     int    `json:"update"`
	Delete     int    `json:"delete"`
	Deactivate int    `json:"deactivate"`
	Restore    int    `json:"restore"`
}

// changed has the IDs of the records that a mutation changed.
type changed struct {
	Created     []int64 `json:"created"`
	Updated     []int64 `json:"updated"`
	Deleted     []int64 `json:"deleted"`
	Deactivated []int64 `json:"deactivated"`
	Restored    []int64 `json:"restored"`
}

func (s *Simulator) serveMutate(w http.ResponseWriter, r *http.Request) {
	var m mutation
	if err := decode(r.Body, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	entities := []string{m.Entity}
	if m.Entity == "" {
		entities = s.busy
	}
	done := map[string]changed{}
	for _, entity := range entities {
		ids, err := s.mutate(entity, m)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		done[entity] = ids
	}
	s.send(w, jsonResponse(http.StatusOK, done))
}

// mutate changes random records of an entity.
func (s *Simulator) mutate(entity string, m mutation) (changed, error) {
	var errs []error
	repeat := func(n int, do func() (int64, error)) []int64 {
		ids := []int64{}
		for range n {
			id, err := do()
			if err != nil {
				errs = append(errs, err)
				break
			}
			ids = append(ids, id)
		}
		return ids
	}
	onRandom := func(what string, fits func(*record) bool, do func(string, int64) error) func() (int64, error) {
		return func() (int64, error) {
			id, err := s.randomID(entity, what, fits)
			if err != nil {
				return 0, err
			}
			return id, do(entity, id)
		}
	}
	isGone := func(r *record) bool { return !r.isActive() }
	done := changed{
		Created:     repeat(m.Create, func() (int64, error) { return s.Create(entity) }),
		Updated:     repeat(m.Update, onRandom("active", (*record).isActive, s.Update)),
		Deleted:     repeat(m.Delete, onRandom("active", (*record).isActive, s.Delete)),
		Deactivated: repeat(m.Deactivate, onRandom("active", (*record).isActive, s.Deactivate)),
		Restored:    repeat(m.Restore, onRandom("gone", isGone, s.Restore)),
	}
	return done, errors.Join(errs...)
}

// serveRecords writes all records of an entity, one per line.
func (s *Simulator) serveRecords(w http.ResponseWriter, r *http.Request) {
	c, err := s.collection(r.PathValue("entity"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	var line []byte
	added := s.added.of(c.name)
	for _, record := range c.all() {
		line = append(line[:0], `{"id":`...)
		line = strconv.AppendInt(line, record.id, 10)
		line = append(line, `,"key":`...)
		line = append(line, key(record)...)
		line = append(line, `,"deleted":`...)
		line = strconv.AppendBool(line, c.deleted(record))
		line = append(line, `,"record":`...)
		line = append(appendAdded(record.appendExport(line), added), '}', '\n')
		if _, err := w.Write(line); err != nil {
			return // the client has disconnected
		}
	}
}

// key returns the identity of a record as JSON.
func key(r *record) []byte {
	text, _ := json.Marshal(r.identity()) // a string can always be encoded
	return text
}
