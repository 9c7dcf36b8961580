package servicetitan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/tidwall/gjson"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/jsonscan"
)

// FieldPolicy is a field policy with the key of its hashes. Without a key, fields to hash are dropped.
// A nil policy keeps all fields. It is safe for concurrent use.
type FieldPolicy struct {
	rules entity.FieldPolicy
	key   Secret
}

// NewFieldPolicy returns a policy with a key, which may be "" if no field is hashed.
func NewFieldPolicy(rules entity.FieldPolicy, key Secret) *FieldPolicy {
	return &FieldPolicy{rules, key}
}

// Digest identifies the rules for an entity and the key with which they hash, without revealing
// either. It is "" if all fields are kept.
func (p *FieldPolicy) Digest(entityName string) string {
	if !p.covers(entityName) {
		return ""
	}
	digest := sha256.New()
	if p.rules.Hashes(entityName) {
		digest = hmac.New(sha256.New, []byte(p.key))
	}
	_, _ = io.WriteString(digest, "lazisync field policy\n"+p.rules.Text(entityName))
	return hex.EncodeToString(digest.Sum(nil)[:16])
}

// Clean applies the policy to a record that may be stored already. Where its fields may be hashed, it
// drops those to hash: a hash cannot be distinguished from a value.
func (p *FieldPolicy) Clean(entityName string, record []byte, mayBeHashed bool) []byte {
	w := p.rewriter(entityName)
	if w != nil && mayBeHashed {
		w.mac = nil
	}
	return w.record(record)
}

// covers reports whether a field of the entity may not be stored as received.
func (p *FieldPolicy) covers(entityName string) bool {
	return p != nil && p.rules.Of(entityName) != nil
}

// rewriter returns what applies the policy to records of an entity, nil if all fields are kept.
func (p *FieldPolicy) rewriter(entityName string) *rewriter {
	if !p.covers(entityName) {
		return nil
	}
	w := &rewriter{root: p.rules.Of(entityName)}
	if p.key != "" {
		w.mac = hmac.New(sha256.New, []byte(p.key))
	}
	return w
}

// rewriter applies a field policy to records, one after another.
type rewriter struct {
	root    *entity.FieldNode
	mac     hash.Hash // nil without a key
	scanner jsonscan.Scanner
	out     []byte // the record so far
	chunk   []byte // of memory that records share
}

const recordChunk = 256 << 10 // bytes

// record returns a record without the fields that are dropped, and with hashes in place of the values that are
// hashed. All other fields have the same bytes. The record is valid JSON and stays as it is.
func (w *rewriter) record(raw []byte) []byte {
	if w == nil {
		return raw
	}
	w.scanner.Data, w.out = raw, w.out[:0]
	w.object(w.root, entity.KeepField, 0)
	if cap(w.chunk)-len(w.chunk) < len(w.out) {
		w.chunk = make([]byte, 0, max(recordChunk, len(w.out)))
	}
	from := len(w.chunk)
	w.chunk = append(w.chunk, w.out...)
	return w.chunk[from:len(w.chunk):len(w.chunk)]
}

// object writes an object with the rules for its fields; action is that of the object.
func (w *rewriter) object(rules *entity.FieldNode, action entity.FieldAction, at int) (end int) {
	w.out = append(w.out, '{')
	before, empty := at+1, true
	end = w.scanner.Fields(at, func(name []byte, value int) (end int) {
		field := rules.Field(name)
		mark := w.separate(empty)
		w.out = append(w.out, w.scanner.Data[w.afterComma(before):value]...) // the name and the colon
		end, kept := w.value(field, field.ActionIn(action), value)
		empty = w.finish(mark, kept) && empty
		before = end
		return end
	})
	w.out = append(w.out, '}')
	return end
}

// array writes an array. The rules for a field with an array are those for its elements.
func (w *rewriter) array(rules *entity.FieldNode, action entity.FieldAction, at int) (end int) {
	w.out = append(w.out, '[')
	empty := true
	end = w.scanner.Elements(at, func(at int) (end int) {
		mark := w.separate(empty)
		end, kept := w.value(rules, action, at)
		empty = w.finish(mark, kept) && empty
		return end
	})
	w.out = append(w.out, ']')
	return end
}

// afterComma returns the index of the name that follows a field, or the beginning of an object.
func (w *rewriter) afterComma(at int) int {
	if at = w.scanner.Space(at); w.scanner.Is(at, ',') {
		at = w.scanner.Space(at + 1)
	}
	return at
}

// separate writes a comma unless nothing is before it. It returns the length to which finish cuts what
// is dropped.
func (w *rewriter) separate(empty bool) (mark int) {
	mark = len(w.out)
	if !empty {
		w.out = append(w.out, ',')
	}
	return mark
}

// finish removes what was written since mark unless it is kept. It reports whether it was removed.
func (w *rewriter) finish(mark int, kept bool) (removed bool) {
	if !kept {
		w.out = w.out[:mark]
	}
	return !kept
}

// value writes a value. It is not kept if it is dropped, or if nothing in it is kept.
func (w *rewriter) value(rules *entity.FieldNode, action entity.FieldAction, at int) (end int, kept bool) {
	if action == entity.HashField && w.mac == nil {
		action = entity.DropField
	}
	if !rules.HasFields() && action != entity.HashField {
		if end = w.scanner.Value(at); action == entity.KeepField {
			w.out = append(w.out, w.scanner.Data[at:end]...)
		}
		return end, action == entity.KeepField
	}
	from := len(w.out)
	switch {
	case w.scanner.Is(at, '{'):
		end = w.object(rules, action, at)
	case w.scanner.Is(at, '['):
		end = w.array(rules, action, at)
	default:
		return w.scalar(action, at)
	}
	return end, action != entity.DropField || len(w.out) > from+2
}

// scalar writes a string, number, boolean or null.
func (w *rewriter) scalar(action entity.FieldAction, at int) (end int, kept bool) {
	end = w.scanner.Value(at)
	raw := w.scanner.Data[at:end]
	if action == entity.HashField && raw[0] != 'n' {
		w.out = append(w.out, '"')
		w.out = hex.AppendEncode(w.out, w.hash(raw))
		w.out = append(w.out, '"')
		return end, true
	}
	if action != entity.DropField {
		w.out = append(w.out, raw...)
	}
	return end, action != entity.DropField
}

// hash returns the hash of a scalar: of the text in a string, whatever its escapes, and of the digits of
// a number.
func (w *rewriter) hash(raw []byte) []byte {
	text := string(raw)
	if raw[0] == '"' {
		text = gjson.ParseBytes(raw).Str
	}
	w.mac.Reset()
	_, _ = io.WriteString(w.mac, text)
	return w.mac.Sum(nil)
}

// unparsed replaces bytes to which the policy cannot be applied.
func (w *rewriter) unparsed(raw []byte) []byte {
	switch {
	case w == nil:
		return raw
	case w.mac == nil:
		return fmt.Appendf(nil, `{"removedBecauseOf":"SYNC_FIELDS","bytes":%d}`, len(raw))
	}
	w.mac.Reset()
	_, _ = w.mac.Write(raw)
	return fmt.Appendf(nil, `{"removedBecauseOf":"SYNC_FIELDS","bytes":%d,"hmacSHA256":"%x"}`, len(raw), w.mac.Sum(nil))
}
