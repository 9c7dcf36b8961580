package simulator

import (
	"encoding/json"
	"fmt"
	"sync"
)

// addedFields are fields that the API has gained, by entity: ,"name":value for each.
type addedFields struct {
	mu       sync.RWMutex
	byEntity map[string][]byte
}

// AddField adds a field to every record of an entity, as a release of ServiceTitan does: no record counts as
// changed. value is its JSON value.
func (s *Simulator) AddField(entity, name, value string) error {
	if _, err := s.collection(entity); err != nil {
		return err
	}
	if name == "" {
		return fmt.Errorf("field is empty, want a name")
	}
	if !json.Valid([]byte(value)) {
		return fmt.Errorf("value is %q, want JSON", value)
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return err
	}
	a := &s.added
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byEntity == nil {
		a.byEntity = map[string][]byte{}
	}
	a.byEntity[entity] = fmt.Appendf(a.byEntity[entity], `,%s:%s`, quoted, value)
	return nil
}

// of returns the fields that were added to an entity.
func (a *addedFields) of(entity string) []byte {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.byEntity[entity]
}

// appendAdded appends added fields to the record at the end of buf.
func appendAdded(buf, added []byte) []byte {
	if len(added) == 0 {
		return buf
	}
	return append(append(buf[:len(buf)-1], added...), '}')
}
