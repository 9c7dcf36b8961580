package servicetitan

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"

	"github.com/lazi/lazisync/internal/entity"
)

// sketch estimates the number of distinct versions of records in bounded space. It holds the
// smallest hashes. Up to sketchSize versions the number is exact, beyond that it is within
// about a fifth.
type sketch []uint32

const sketchSize = 48

// repeats is how often each version of a record must have been received, on average, for a
// listing to count as one that repeats itself. Some repetition is normal: a feed returns
// recent changes again, and pages of a list drift.
const repeats = 8

// readSketch parses the output of text.
func readSketch(text string) (s sketch) {
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	for ; len(raw) >= 4; raw = raw[4:] {
		s = append(s, binary.BigEndian.Uint32(raw))
	}
	return s
}

func (s sketch) text() string {
	raw := make([]byte, 0, 4*len(s))
	for _, hash := range s {
		raw = binary.BigEndian.AppendUint32(raw, hash)
	}
	return base64.RawStdEncoding.EncodeToString(raw)
}

// add adds versions by their hashes.
func (s sketch) add(hashes []uint32) sketch {
	all := append(slices.Clone(s), hashes...)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), sketchSize)]
}

// different estimates the number of versions.
func (s sketch) different() int {
	if len(s) < sketchSize {
		return len(s)
	}
	return int(float64(sketchSize-1) / (float64(s[sketchSize-1]) + 1) * math.MaxUint32)
}

// versions returns hashes of the records of the page: of ID and modification time or, if a
// record has none, of its content.
func (d *decoder) versions() []uint32 {
	hashes := make([]uint32, 0, len(d.records)+len(d.rejected))
	hash := fnv.New64a()
	add := func(parts ...[]byte) {
		hash.Reset()
		for _, part := range parts {
			_, _ = hash.Write(part)
			_, _ = hash.Write([]byte{0})
		}
		sum := hash.Sum64()
		sum = (sum ^ sum>>32) * 0x9e3779b97f4a7c15 // FNV alone spreads short texts badly
		hashes = append(hashes, uint32(sum>>32))
	}
	for _, r := range d.records {
		if r.ModifiedOn.IsZero() {
			add(r.Raw)
		} else {
			add([]byte(r.ID), binary.BigEndian.AppendUint64(nil, uint64(r.ModifiedOn.UnixMicro())))
		}
	}
	for _, r := range d.rejected {
		add(r.Raw)
	}
	return hashes
}

// repeatsItself adds the page to the loop guard. It returns the number of distinct versions
// and whether the listing repeats itself.
func (d *decoder) repeatsItself(guard *entity.LoopGuard) (different int, yes bool) {
	hashes := d.versions()
	all := readSketch(guard.Sketch).add(hashes)
	guard.Records += len(hashes)
	different = all.different()
	if guard.Records >= repeats*different && guard.Records > 0 && guard.Pages-guard.SinceReset >= repeats {
		return different, true
	}
	guard.Sketch = all.text()
	return different, false
}
