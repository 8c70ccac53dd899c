package discord

import (
	"context"
	"encoding/json"
	"time"
)

// recent remembers the last ids.
type recent struct {
	ids  map[string]bool
	ring []string
	at   int
}

func newRecent(n int) *recent { return &recent{ids: map[string]bool{}, ring: make([]string, n)} }

func (r *recent) has(id string) bool { return r.ids[id] }

func (r *recent) add(id string) {
	if r.ids[id] {
		return
	}
	delete(r.ids, r.ring[r.at])
	r.ring[r.at], r.ids[id] = id, true
	r.at = (r.at + 1) % len(r.ring)
}

// marks is how far each known channel has been read. Two kinds of marks are kept: "channels" lists the known ones,
// "last:<channel>" holds the id of the last message taken from one.
type marks struct {
	known map[string]*mark // by channel
	dirty map[string]bool  // channels whose mark has to be kept
	list  bool             // so has the list
}

type mark struct {
	source
	last uint64
}

const (
	marksKey  = "channels"
	markKey   = "last:"
	knownMost = 200 // channels that are read at a start; the ones silent for longest go first
)

// loadMarks reads what earlier runs kept.
func loadMarks(ctx context.Context, read func(context.Context, string) (string, error)) (*marks, error) {
	m := &marks{known: map[string]*mark{}, dirty: map[string]bool{}}
	if read == nil {
		return m, nil
	}
	text, err := read(ctx, marksKey)
	if err != nil || text == "" {
		return m, err
	}
	var list map[string]string              // channel: guild
	_ = json.Unmarshal([]byte(text), &list) // what another version made is begun anew
	for ch, guild := range list {
		last, err := read(ctx, markKey+ch)
		if err != nil {
			return nil, err
		}
		id, _ := snowflake(last)
		m.known[ch] = &mark{source{guild, ch}, id}
	}
	return m, nil
}

// meet makes a channel known from now on.
func (m *marks) meet(s source) *mark {
	if k, ok := m.known[s.channel]; ok {
		return k
	}
	if len(m.known) >= knownMost {
		m.drop()
	}
	k := &mark{s, idAt(time.Now())}
	m.known[s.channel], m.dirty[s.channel], m.list = k, true, true
	return k
}

// drop forgets the channel that was silent for longest.
func (m *marks) drop() {
	var oldest *mark
	for _, k := range m.known {
		if oldest == nil || k.last < oldest.last {
			oldest = k
		}
	}
	delete(m.known, oldest.channel)
	m.dirty[oldest.channel] = true
}

// reach notes that a message of a channel is handed in.
func (m *marks) reach(s source, id string) {
	n, _ := snowflake(id)
	k, ok := m.known[s.channel]
	if !ok {
		k = m.meet(s)
		k.last = n
	}
	if n > k.last {
		k.last = n
		m.dirty[s.channel] = true
	}
}

// pass notes that a message of a known channel is not for the bot; it is kept with the next mark.
func (m *marks) pass(s source, id string) {
	if _, ok := m.known[s.channel]; ok {
		m.reach(s, id)
	}
}

// changed gives the marks to keep.
func (m *marks) changed() map[string]string {
	out := map[string]string{}
	for ch := range m.dirty {
		out[markKey+ch] = ""
		if k, ok := m.known[ch]; ok {
			out[markKey+ch] = formatID(k.last)
		}
	}
	if m.list {
		list := map[string]string{}
		for ch, k := range m.known {
			list[ch] = k.guild
		}
		text, err := json.Marshal(list)
		if err == nil {
			out[marksKey] = string(text)
		}
	}
	return out
}

// kept notes that marks were kept. Those that moved on meanwhile stay to be kept.
func (m *marks) kept(done map[string]string) {
	now := m.changed()
	for key := range done {
		switch {
		case done[key] != now[key]:
		case key == marksKey:
			m.list = false
		default:
			delete(m.dirty, key[len(markKey):])
		}
	}
}
