package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// State keeps what notifiers must know after a restart and of each other, by key.
type State interface {
	// Load returns the value of a key and its revision, nil and 0 if there is none.
	Load(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Store sets the value of a key. It returns false, and stores nothing, if the revision of
	// the key is not the given one any more.
	Store(ctx context.Context, key string, value []byte, revision uint64) (stored bool, err error)
}

// maxConflicts is how often Update tries again because another process stored a value.
const maxConflicts = 20

// Update changes the value of a key, which is kept as JSON: the zero value if there is none. If
// another process stores a value at the same time, change is called again with that one.
func Update[T any](ctx context.Context, s State, key string, change func(*T)) error {
	for range maxConflicts {
		encoded, revision, err := s.Load(ctx, key)
		if err != nil {
			return err
		}
		var value T
		if len(encoded) > 0 {
			if err := json.Unmarshal(encoded, &value); err != nil {
				return fmt.Errorf("decode the state %q: %w", key, err)
			}
		}
		change(&value)
		changed, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode the state %q: %w", key, err)
		}
		if bytes.Equal(changed, encoded) {
			return nil
		}
		if stored, err := s.Store(ctx, key, changed, revision); stored || err != nil {
			return err
		}
	}
	return errors.New("store the state " + key + ": other processes change it at the same time")
}

// LocalState is a State that is lost with the process. It is safe for concurrent use; the zero
// value is empty.
type LocalState struct {
	mu     sync.Mutex
	values map[string]localValue
}

type localValue struct {
	value    []byte
	revision uint64
}

// Load returns the value of a key.
func (s *LocalState) Load(_ context.Context, key string) (value []byte, revision uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key].value, s.values[key].revision, nil
}

// Store sets the value of a key.
func (s *LocalState) Store(_ context.Context, key string, value []byte, revision uint64) (stored bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[key].revision != revision {
		return false, nil
	}
	if s.values == nil {
		s.values = map[string]localValue{}
	}
	s.values[key] = localValue{value, revision + 1}
	return true, nil
}
