package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// journal keeps the changes of a business in a file, one JSON line each, so
// that a stack that is started again finds the company as it left it.
type journal struct {
	file *os.File
	err  error // the first write that failed
}

// founding is the first line: what the states in the file are states of.
type founding struct {
	Seed   uint64         `json:"seed"`
	Counts map[string]int `json:"counts"`
}

type entry struct {
	Entity string `json:"entity"`
	State  state  `json:"state"`
}

// KeepJournal repeats the changes that the file at path tells of and appends
// every further change to it. It is called before anything else changes; the
// file is made where there is none. The file stays open until CloseJournal.
func (b *Business) KeepJournal(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the simulator's journal: %w", err)
	}
	whole, err := b.replay(path)
	if err == nil {
		// A line cut short by a kill goes; the next change starts a line.
		err = errors.Join(file.Truncate(whole), seekTo(file, whole))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.journal = &journal{file: file}
	if err == nil && whole == 0 {
		b.journal.line(founding{b.world.seed, b.world.founded()})
		err = b.journal.err
	}
	if err != nil {
		b.journal = nil
		return errors.Join(err, file.Close())
	}
	return nil
}

// CloseJournal ends the journal and says whether any change is missing in it.
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

// replay makes the company what the journal says and returns the length of its
// whole lines.
func (b *Business) replay(path string) (whole int64, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the simulator's journal: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for number := 1; ; number++ {
		line, rest, complete := bytes.Cut(content, []byte("\n"))
		if !complete {
			return whole, nil
		}
		if number == 1 {
			err = b.checkFounding(line)
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

func (b *Business) checkFounding(line []byte) error {
	var got founding
	if err := json.Unmarshal(line, &got); err != nil {
		return err
	}
	want := founding{b.world.seed, b.world.founded()}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("it is the journal of another company: seed and records are %v, want %v", got, want)
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
		j.err = fmt.Errorf("write the simulator's journal: %w", err)
	}
}

func seekTo(file *os.File, offset int64) error {
	_, err := file.Seek(offset, 0)
	return err
}
