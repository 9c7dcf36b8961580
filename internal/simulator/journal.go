package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// journal stores the changes of a business in a file, one JSON line each, so that a
// restarted stack finds the company unchanged.
type journal struct {
	file *os.File
	err  error // the first write that failed
}

// journalHeader is the first line. It identifies the company of the changes.
type journalHeader struct {
	Seed   uint64         `json:"seed"`
	Counts map[string]int `json:"counts"`
}

type entry struct {
	Entity string `json:"entity"`
	State  state  `json:"state"`
}

// KeepJournal replays the changes in the file at path and appends all further changes. It
// creates the file if necessary. It must be called before the first change. The file stays
// open until CloseJournal.
func (b *Business) KeepJournal(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open simulator journal: %w", err)
	}
	whole, err := b.replay(path)
	if err == nil {
		// Remove an incomplete last line, which a killed process leaves behind.
		err = errors.Join(file.Truncate(whole), seekTo(file, whole))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.journal = &journal{file: file}
	if err == nil && whole == 0 {
		b.journal.line(journalHeader{b.world.seed, b.world.initialCounts()})
		err = b.journal.err
	}
	if err != nil {
		b.journal = nil
		return errors.Join(err, file.Close())
	}
	return nil
}

// CloseJournal closes the journal. It returns an error if a change was not written.
func (b *Business) CloseJournal() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.journal == nil {
		return nil
	}
	err := errors.Join(b.journal.err, b.journal.file.Close())
	b.journal = nil
	return err
}

// replay applies the changes of the journal and returns the length of its complete lines.
func (b *Business) replay(path string) (whole int64, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read simulator journal: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for number := 1; ; number++ {
		line, rest, complete := bytes.Cut(content, []byte("\n"))
		if !complete {
			return whole, nil
		}
		if number == 1 {
			err = b.checkHeader(line)
		} else {
			err = b.repeat(line)
		}
		if err != nil {
			return 0, fmt.Errorf("%s line %d: %w", path, number, err)
		}
		whole += int64(len(line)) + 1
		content = rest
	}
}

func (b *Business) checkHeader(line []byte) error {
	var got journalHeader
	if err := json.Unmarshal(line, &got); err != nil {
		return err
	}
	want := journalHeader{b.world.seed, b.world.initialCounts()}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("journal of another company: got seed and counts %v, want %v", got, want)
	}
	return nil
}

func (b *Business) repeat(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	c, err := b.collection(e.Entity)
	if err != nil {
		return err
	}
	if e.State.Ordinal < 0 || e.State.Ordinal > c.len() || e.State.Modified <= b.last {
		return fmt.Errorf("change of %s number %d is out of order", e.Entity, e.State.Ordinal)
	}
	b.last = e.State.Modified
	c.put(b.world.record(c.kind, e.State))
	return nil
}

func (j *journal) append(entity string, s state) {
	if j != nil {
		j.line(entry{entity, s})
	}
}

func (j *journal) line(value any) {
	if j.err != nil {
		return
	}
	text, err := json.Marshal(value)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		j.err = fmt.Errorf("write simulator journal: %w", err)
	}
}

func seekTo(file *os.File, offset int64) error {
	_, err := file.Seek(offset, 0)
	return err
}
