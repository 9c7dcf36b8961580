package jsonscan

import "hash/maphash"

// PathSet notes the paths of keys, without indexes of arrays, as a Scanner passes them: by their hashes, so
// that a path that was noted before costs a few nanoseconds. It holds maxPaths; further ones are not noted.
// It is not safe for concurrent use.
type PathSet struct {
	// New reports whether a path was noted for the first time since its last reset.
	New bool

	seed  maphash.Seed
	count int
	table [tableSize]uint64 // by the highest bits of a hash, 0 where it has none
}

const (
	tableBits = 10
	tableSize = 1 << tableBits
	maxPaths  = tableSize * 3 / 4
)

// NewPathSet returns an empty PathSet.
func NewPathSet() *PathSet { return &PathSet{seed: maphash.MakeSeed()} }

// note notes a key of the object whose path has a hash, and returns the hash of the key's path.
func (p *PathSet) note(object uint64, key []byte) uint64 {
	hash := (maphash.Bytes(p.seed, key)+object)*0x9e3779b97f4a7c15 | 1 // not 0
	for i := hash >> (64 - tableBits); ; i = (i + 1) % tableSize {
		switch p.table[i] {
		case hash:
			return hash
		case 0:
			if p.count < maxPaths {
				p.count++
				p.table[i], p.New = hash, true
			}
			return hash
		}
	}
}
