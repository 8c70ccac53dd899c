package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"chatgateway/channels"
)

// Bounds of a search.
const (
	maxHits    = 40
	searchWait = 5 * time.Second
	snippet    = 60 // bytes on each side of what was found
)

// hit is a message in which something was found.
type hit struct {
	Conversation channels.ConversationID `json:"c"`
	N            int                     `json:"n"`
	Text         string                  `json:"text"` // what stands around it
	Time         int64                   `json:"time"` // milliseconds
}

// search finds messages that hold every word of a text, the latest conversations first.
func (s *server) search(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	if !read(w, r, maxSmall, &in) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchWait)
	defer cancel()
	hits, more, err := s.ch.book.search(ctx, who(r), strings.Fields(strings.ToLower(in.Text)))
	if err != nil {
		s.fail(w, "search", err)
		return
	}
	reply(w, map[string]any{"hits": hits, "more": more})
}

// search reads the conversations of a person one after the other and keeps none in memory. more says that it stopped
// before the end.
func (b *book) search(ctx context.Context, u channels.UserID, words []string) (hits []hit, more bool, err error) {
	hits = []hit{}
	if len(words) == 0 {
		return hits, false, nil
	}
	if err := b.open(); err != nil {
		return nil, false, err
	}
	for _, t := range b.shownTo(u) {
		select {
		case <-ctx.Done(): // what was found in time
			return hits, true, nil
		default:
		}
		if len(hits) >= maxHits {
			return hits[:maxHits], true, nil
		}
		entries, err := b.read(t)
		if err != nil {
			return nil, false, err
		}
		for _, e := range slices.Backward(entries) {
			if text, ok := around(e.Text, words); ok {
				hits = append(hits, hit{t.id, e.N, text, e.Time.UnixMilli()})
			}
		}
	}
	return hits[:min(len(hits), maxHits)], len(hits) > maxHits, nil
}

// shownTo gives the conversations of a person, the last used first.
func (b *book) shownTo(u channels.UserID) (out []*talk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.talks {
		if t.head.User == u && t.shown {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y *talk) int { return y.updated.Compare(x.updated) })
	return out
}

// read gives the messages of a conversation in their order, from memory or else from its file, and leaves them there.
// A conversation that was deleted meanwhile has none.
func (b *book) read(t *talk) ([]*entry, error) {
	b.mu.Lock()
	loaded, entries := t.loaded, slices.Clone(t.entries)
	b.mu.Unlock()
	if loaded || t.file.path == "" {
		return entries, nil
	}
	r, err := os.Open(t.file.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open conversation: %w", err)
	}
	defer func() { _ = r.Close() }() // only read from
	last := map[channels.MessageID]*entry{}
	if err := eachLine(r, func(line []byte) {
		if e := parseLine(line); e != nil {
			last[e.ID] = e
		}
	}); err != nil {
		return nil, err
	}
	for _, e := range last {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, byPlace)
	return entries, nil
}

// around gives what stands in a text around the first of some words in lower case, if all of them are there.
func around(text string, words []string) (string, bool) {
	lower := strings.ToLower(text)
	for _, w := range words {
		if !strings.Contains(lower, w) {
			return "", false
		}
	}
	at := strings.Index(lower, words[0])
	if len(lower) != len(text) {
		at = 0 // lower case is of another length here, and its places are not those of the text
	}
	from, to := max(0, at-snippet), min(len(text), at+len(words[0])+2*snippet)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	out := strings.Join(strings.Fields(text[from:to]), " ")
	if from > 0 {
		out = "…" + out
	}
	if to < len(text) {
		out += "…"
	}
	return out, true
}
