package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"chatgateway/channels"
)

// A conversation's file is a header of fixed size, written over in place, and one line of JSON per edition of a
// message. Of the lines with one id the last one holds. What is deleted is overwritten with spaces where it
// stands, so that no byte of it remains in the file; reading passes over blank and torn lines.
const (
	headerSize = 512
	suffix     = ".jsonl"
	maxTitle   = 60       // runes
	maxLine    = 64 << 20 // bytes; longer ones are not ours
	rewriteAt  = 256 << 10
)

// header is the first line of a conversation's file.
type header struct {
	Version int             `json:"v"`
	User    channels.UserID `json:"user"`
	Title   string          `json:"title,omitempty"`
	Named   bool            `json:"named,omitempty"` // a person gave the title
	Created time.Time       `json:"created"`
}

// span is where a line stands.
type span struct{ at, size int64 }

// convFile is the file of a conversation. Its methods are called with the conversation's writing lock held.
type convFile struct {
	path  string // empty: nothing is kept
	end   int64  // where the next line goes
	torn  bool   // the last line has no end
	dead  int64  // bytes of lines that hold no more
	spans map[channels.MessageID][]span
}

// encode makes the header's line. A title that makes it too long is cut.
func (h header) encode() []byte {
	for {
		b, err := json.Marshal(h)
		if err == nil && len(b) < headerSize {
			line := bytes.Repeat([]byte{' '}, headerSize)
			copy(line, b)
			line[headerSize-1] = '\n'
			return line
		}
		r := []rune(h.Title)
		h.Title = string(r[:len(r)/2])
	}
}

// create makes the file, durably.
func (f *convFile) create(h header) error {
	if f.path == "" {
		return nil
	}
	f.end, f.spans = headerSize, map[channels.MessageID][]span{}
	return writeOwn(f.path, h.encode())
}

// setHeader writes the header anew.
func (f *convFile) setHeader(h header) error {
	if f.path == "" {
		return nil
	}
	return f.write(0, h.encode(), true)
}

// append writes a message; with sync it is on disk when append returns.
func (f *convFile) append(e *entry, sync bool) error {
	if f.path == "" {
		return nil
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if f.torn {
		b = append([]byte{'\n'}, b...)
	}
	b = append(b, '\n')
	if err := f.write(f.end, b, sync); err != nil {
		f.torn = true // part of it may stand there
		if info, err := os.Stat(f.path); err == nil {
			f.end = max(headerSize, info.Size())
		}
		return err
	}
	f.note(e.ID, span{f.end, int64(len(b))})
	f.end, f.torn = f.end+int64(len(b)), false
	return nil
}

// note remembers where the last edition of a message stands.
func (f *convFile) note(id channels.MessageID, s span) {
	if old := f.spans[id]; len(old) > 0 {
		f.dead += old[len(old)-1].size
	}
	f.spans[id] = append(f.spans[id], s)
}

// scrub overwrites every edition of a message.
func (f *convFile) scrub(id channels.MessageID) error {
	spans := f.spans[id]
	for i, s := range spans {
		blank := bytes.Repeat([]byte{' '}, int(s.size))
		blank[s.size-1] = '\n'
		if err := f.write(s.at, blank, i == len(spans)-1); err != nil {
			return err
		}
	}
	if len(spans) > 0 {
		f.dead += spans[len(spans)-1].size
	}
	delete(f.spans, id)
	return nil
}

// write writes b at an offset.
func (f *convFile) write(at int64, b []byte, sync bool) (err error) {
	w, err := os.OpenFile(f.path, os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open conversation: %w", err)
	}
	defer func() {
		if e := w.Close(); err == nil && e != nil {
			err = fmt.Errorf("close conversation: %w", e)
		}
	}()
	if _, err := w.WriteAt(b, at); err != nil {
		return fmt.Errorf("write conversation: %w", err)
	}
	if sync {
		if err := w.Sync(); err != nil {
			return fmt.Errorf("sync conversation: %w", err)
		}
	}
	return nil
}

// read gives the messages, each in its last edition, in no order. Where most of the file holds no more it is written
// anew.
func (f *convFile) read() (byID map[channels.MessageID]*entry, err error) {
	byID = map[channels.MessageID]*entry{}
	if f.path == "" {
		return byID, nil
	}
	r, err := os.Open(f.path) //nolint:gosec // its name matches convPattern
	if err != nil {
		return nil, fmt.Errorf("open conversation: %w", err)
	}
	defer func() { _ = r.Close() }() // only read from
	f.end, f.dead, f.torn, f.spans = headerSize, 0, false, map[channels.MessageID][]span{}
	if err := eachLine(r, func(line []byte) { f.take(byID, line) }); err != nil {
		return nil, err
	}
	if f.dead > rewriteAt && f.dead > f.end/2 {
		f.rewrite(r, byID)
	}
	return byID, nil
}

// eachLine gives the lines behind the header of a conversation's file.
func eachLine(r io.Reader, f func(line []byte)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if _, err := in.Discard(headerSize); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read conversation: %w", err)
	}
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			f(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read conversation: %w", err)
		}
	}
}

// parseLine reads one line; nil if it is none of ours.
func parseLine(line []byte) *entry {
	e := new(entry)
	if len(line) > maxLine || len(bytes.TrimSpace(line)) == 0 || json.Unmarshal(line, e) != nil || e.ID == "" {
		return nil
	}
	e.Growing = false
	return e
}

// take takes one line over.
func (f *convFile) take(byID map[channels.MessageID]*entry, line []byte) {
	s := span{f.end, int64(len(line))}
	f.end += s.size
	f.torn = line[len(line)-1] != '\n'
	e := parseLine(line)
	if e == nil {
		f.dead += s.size
		return
	}
	byID[e.ID] = e
	f.note(e.ID, s)
}

// rewrite leaves out what holds no more. If it fails the file stays as it was.
func (f *convFile) rewrite(r io.ReaderAt, byID map[channels.MessageID]*entry) {
	head := make([]byte, headerSize)
	if _, err := r.ReadAt(head, 0); err != nil {
		return
	}
	b := bytes.NewBuffer(head)
	spans := map[channels.MessageID][]span{}
	for id, e := range byID {
		line, err := json.Marshal(e)
		if err != nil {
			return
		}
		spans[id] = []span{{int64(b.Len()), int64(len(line)) + 1}}
		b.Write(append(line, '\n'))
	}
	if err := writeOwn(f.path, b.Bytes()); err != nil {
		return
	}
	f.end, f.dead, f.torn, f.spans = int64(b.Len()), 0, false, spans
}

// readHeader reads the first line of a conversation's file, and when it was last written.
func readHeader(path string) (h header, size int64, changed time.Time, err error) {
	r, err := os.Open(path)
	if err != nil {
		return h, 0, changed, fmt.Errorf("open conversation: %w", err)
	}
	defer func() { _ = r.Close() }() // only read from
	info, err := r.Stat()
	if err != nil {
		return h, 0, changed, fmt.Errorf("read conversation: %w", err)
	}
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return h, 0, changed, fmt.Errorf("read conversation: %w", err)
	}
	if err := json.Unmarshal(b, &h); err != nil || h.User == "" {
		return h, 0, changed, fmt.Errorf("the first line of %s is not ours", filepath.Base(path))
	}
	return h, info.Size(), info.ModTime(), nil
}

// writeOwn puts data in the place of path, for the owner alone, durably, as a whole or not at all.
func writeOwn(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // names are checked where they become paths
		return fmt.Errorf("make folder: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()           // closed already, or of no more use
			_ = os.Remove(tmp.Name()) //nolint:gosec // as above
			err = fmt.Errorf("write %s: %w", filepath.Base(path), err)
		}
	}()
	if _, err := tmp.Write(data); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil { //nolint:gosec // as above
		return err
	}
	if d, err := os.Open(dir); err == nil { //nolint:gosec // as above
		_ = d.Sync() // some systems cannot
		_ = d.Close()
	}
	return nil
}

// cleanTitle makes a title of a text: one line, not long.
func cleanTitle(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxTitle {
		s = strings.TrimSpace(string(r[:maxTitle-1])) + "…"
	}
	return s
}

// remove removes a conversation's file and the files in it.
func (f *convFile) remove() error {
	if f.path == "" {
		return nil
	}
	if err := os.RemoveAll(strings.TrimSuffix(f.path, suffix) + ".files"); err != nil {
		return fmt.Errorf("remove files: %w", err)
	}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove conversation: %w", err)
	}
	return nil
}
