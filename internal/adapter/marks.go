package adapter

import (
	"context"
	"encoding/json"
	"strconv"
)

// Marks are how far each known place of a service has been read. Two kinds of marks are kept: one lists the places,
// each with a note, and one for each place holds the last message taken from it. They belong to one goroutine.
type Marks struct {
	list, prefix string
	most         int
	known        map[string]*Mark
	dirty        map[string]bool // places whose mark has to be kept
	listed       bool            // the list has to be kept
}

// Mark is how far one place has been read.
type Mark struct {
	Place, Note string
	Last        uint64
}

// LoadMarks reads what earlier runs kept: the list under the key list, the others under prefix and their place. most is
// how many places are known; the ones silent for longest go first. A nil read begins anew.
func LoadMarks(ctx context.Context, read func(context.Context, string) (string, error), list, prefix string, most int) (*Marks, error) {
	m := &Marks{list: list, prefix: prefix, most: most, known: map[string]*Mark{}, dirty: map[string]bool{}}
	if read == nil {
		return m, nil
	}
	text, err := read(ctx, list)
	if err != nil || text == "" {
		return m, err
	}
	var notes map[string]string
	_ = json.Unmarshal([]byte(text), &notes) // what another version made is begun anew
	for place, note := range notes {
		last, err := read(ctx, prefix+place)
		if err != nil {
			return nil, err
		}
		n, _ := strconv.ParseUint(last, 10, 64)
		m.known[place] = &Mark{place, note, n}
	}
	return m, nil
}

// All lists the known places.
func (m *Marks) All() (list []Mark) {
	for _, k := range m.known {
		list = append(list, *k)
	}
	return list
}

// Knows reports whether a place is known.
func (m *Marks) Knows(place string) bool { return m.known[place] != nil }

// Meet makes a place known, read as far as at.
func (m *Marks) Meet(place, note string, at uint64) {
	if m.Knows(place) {
		return
	}
	if len(m.known) >= m.most {
		m.drop()
	}
	m.known[place], m.dirty[place], m.listed = &Mark{place, note, at}, true, true
}

// drop forgets the place that was silent for longest.
func (m *Marks) drop() {
	var oldest *Mark
	for _, k := range m.known {
		if oldest == nil || k.Last < oldest.Last {
			oldest = k
		}
	}
	m.Forget(oldest.Place)
}

// Forget forgets a place.
func (m *Marks) Forget(place string) {
	if m.Knows(place) {
		delete(m.known, place)
		m.dirty[place], m.listed = true, true
	}
}

// Reach notes that a message of a place is handed in.
func (m *Marks) Reach(place, note string, n uint64) {
	m.Meet(place, note, n)
	m.Pass(place, n)
}

// Pass notes that a message of a place, if that is known, needs not be read again; it is kept with the next mark.
func (m *Marks) Pass(place string, n uint64) {
	if k := m.known[place]; k != nil && n > k.Last {
		k.Last, m.dirty[place] = n, true
	}
}

// Changed gives the marks to keep. An empty one is to be removed.
func (m *Marks) Changed() map[string]string {
	out := map[string]string{}
	for place := range m.dirty {
		out[m.prefix+place] = ""
		if k := m.known[place]; k != nil {
			out[m.prefix+place] = strconv.FormatUint(k.Last, 10)
		}
	}
	if m.listed {
		notes := map[string]string{}
		for place, k := range m.known {
			notes[place] = k.Note
		}
		if text, err := json.Marshal(notes); err == nil {
			out[m.list] = string(text)
		}
	}
	return out
}

// Kept notes that marks were kept. Those that moved on meanwhile stay to be kept.
func (m *Marks) Kept(done map[string]string) {
	now := m.Changed()
	for place := range m.dirty {
		key := m.prefix + place
		if value, ok := done[key]; ok && value == now[key] {
			delete(m.dirty, place)
		}
	}
	if value, ok := done[m.list]; ok && value == now[m.list] {
		m.listed = false
	}
}
