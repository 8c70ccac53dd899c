package web

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// maxLoaded is how many conversations are held in memory at once, if nothing in them is under way.
const maxLoaded = 16

// entry is a message as it is kept and shown. It does not change once it is in a talk: an edit makes another one.
type entry struct {
	ID      channels.MessageID `json:"id"`
	N       int                `json:"n"` // place in the conversation
	Mine    bool               `json:"mine,omitempty"`
	Text    string             `json:"text"` // Markdown if it is the bot's
	Choices []choice           `json:"choices,omitempty"`
	Files   []file             `json:"files,omitempty"`
	Time    time.Time          `json:"time"`
	Growing bool               `json:"growing,omitempty"`

	rev int64
}

type choice struct {
	Label string           `json:"label"`
	Press channels.PressID `json:"press,omitempty"`
	URL   string           `json:"url,omitempty"`
}

// same reports whether an edit would change nothing.
func (e *entry) same(o *entry) bool {
	return e.Text == o.Text && e.Growing == o.Growing && slices.Equal(e.Choices, o.Choices) &&
		slices.Equal(e.Files, o.Files)
}

// book holds everything that the page shows. Each change gets the next number, its revision; who knows up to which
// one a browser has seen knows what it lacks.
type book struct {
	dir    string // empty: nothing is kept
	log    *slog.Logger
	boot   string      // tells this run of the program from another: revisions begin anew
	failed func(error) // told of every write to disk that fails, and with nil of one that does not

	mu       sync.Mutex // guards what follows and every talk; never held over I/O
	rev      int64
	opened   bool
	talks    map[channels.ConversationID]*talk
	gone     []goneTalk
	goneBase int64 // deletions up to here are forgotten
	watchers map[chan struct{}]struct{}
	menu     []channels.Command
	menuRev  int64
	uses     int64 // counts uses of conversations, for the oldest to be put away first
}

// goneTalk remembers a deleted conversation for browsers that still have it.
type goneTalk struct {
	id   channels.ConversationID
	user channels.UserID
	rev  int64
}

// talk is one conversation. What is not said otherwise is guarded by book.mu.
type talk struct {
	id      channels.ConversationID // never changes
	head    header
	updated time.Time
	shown   bool // it has messages
	deleted bool
	rev     int64

	loaded  bool
	base    int64 // revision at which it was loaded: what is older is unknown
	entries []*entry
	byID    map[channels.MessageID]*entry
	removed map[channels.MessageID]int64
	unkept  map[channels.MessageID]bool // not on disk as it is in memory
	next    int                         // place of the next message
	forms   []*form
	formRev int64
	typing  time.Time // until when
	typeRev int64
	used    int64

	turn    chan struct{} // of one: a person's messages go to the core one after the other
	writing sync.Mutex    // guards file; held over I/O, taken before book.mu
	file    convFile
}

var convPattern = lazyregexp.New(`^[a-z0-9]{10,40}$`)

func newBook(dir string, log *slog.Logger) *book {
	return &book{
		dir: dir, log: log, boot: random(6), failed: func(error) {}, rev: 1,
		talks: map[channels.ConversationID]*talk{}, watchers: map[chan struct{}]struct{}{},
	}
}

// open reads which conversations there are. It is called again without effect.
func (b *book) open() error {
	b.mu.Lock()
	done := b.opened
	b.opened = b.opened || b.dir == ""
	b.mu.Unlock()
	if done || b.dir == "" {
		return nil
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return setup("The page's folder %s cannot be made: %s. See who owns the home folder, and whether the disk is full.", b.dir, cause(err))
	}
	names, err := os.ReadDir(b.dir)
	if err != nil {
		return setup("The page's folder %s cannot be read: %s. See who owns the home folder.", b.dir, cause(err))
	}
	found := map[channels.ConversationID]*talk{}
	for _, n := range names {
		id, ok := strings.CutSuffix(n.Name(), suffix)
		if !ok || !convPattern.MatchString(id) || !n.Type().IsRegular() {
			continue
		}
		path := filepath.Join(b.dir, n.Name())
		h, size, changed, err := readHeader(path)
		if err != nil {
			b.log.Warn("page: a conversation is left out", "file", n.Name(), "err", err)
			continue
		}
		t := newTalk(channels.ConversationID(id), h, path)
		t.updated, t.shown = changed, size > headerSize
		found[t.id] = t
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened {
		b.opened, b.talks = true, found
	}
	return nil
}

func newTalk(id channels.ConversationID, h header, path string) *talk {
	return &talk{
		id: id, head: h, updated: h.Created, file: convFile{path: path}, turn: make(chan struct{}, 1),
		byID: map[channels.MessageID]*entry{}, removed: map[channels.MessageID]int64{}, unkept: map[channels.MessageID]bool{},
	}
}

// talk finds a conversation and reads it if need be. One that is not there is an error that wraps channels.ErrGone.
func (b *book) talk(id channels.ConversationID) (*talk, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	t := b.talks[id]
	b.mu.Unlock()
	if t == nil {
		return nil, fmt.Errorf("no such conversation on the page: %w", channels.ErrGone)
	}
	return t, b.load(t)
}

// to finds the conversation that a post goes to. On the page a conversation is seen by one person.
func (b *book) to(p channels.Post) (*talk, error) {
	t, err := b.talk(p.To)
	if err == nil && p.Only != "" && p.Only != t.head.User {
		return nil, fmt.Errorf("the conversation is another person's: %w", errors.ErrUnsupported)
	}
	return t, err
}

// of finds a conversation of a person; with create it is made if there is none.
func (b *book) of(u channels.UserID, id channels.ConversationID, create bool) (*talk, error) {
	t, err := b.talk(id)
	if err == nil && t.head.User != u {
		return nil, fmt.Errorf("no such conversation on the page: %w", channels.ErrGone)
	}
	if !errors.Is(err, channels.ErrGone) || !create {
		return t, err
	}
	if !convPattern.MatchString(string(id)) {
		return nil, errors.New("the name of the conversation is not ours")
	}
	return b.create(u, id, "")
}

// create makes a conversation, durably: an answer to its first message must find it.
func (b *book) create(u channels.UserID, id channels.ConversationID, title string) (*talk, error) {
	path := ""
	if b.dir != "" {
		path = filepath.Join(b.dir, string(id)+suffix)
	}
	t := newTalk(id, header{Version: 1, User: u, Title: title, Created: time.Now()}, path)
	t.writing.Lock()
	defer t.writing.Unlock()
	b.mu.Lock()
	if other := b.talks[id]; other != nil {
		b.mu.Unlock()
		return other, nil
	}
	t.loaded, t.base = true, b.bump()
	b.talks[id] = t
	b.mu.Unlock()
	if err := t.file.create(t.head); err != nil {
		b.mu.Lock()
		delete(b.talks, id)
		t.deleted = true
		b.mu.Unlock()
		return nil, err
	}
	return t, nil
}

// latest gives the conversation that a person used last, or makes one.
func (b *book) latest(u channels.UserID) (*talk, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	var last *talk
	for _, t := range b.talks {
		if t.head.User == u && t.shown && (last == nil || t.updated.After(last.updated)) {
			last = t
		}
	}
	b.mu.Unlock()
	if last == nil {
		return b.create(u, channels.ConversationID("n"+strings.ToLower(hash(random(9))[:20])), "Notices")
	}
	return last, b.load(last)
}

// load reads a conversation's messages into memory and puts away what nobody used for longest.
func (b *book) load(t *talk) error {
	b.mu.Lock()
	b.uses++
	t.used = b.uses
	loaded, deleted := t.loaded, t.deleted
	b.mu.Unlock()
	if deleted {
		return fmt.Errorf("the conversation was deleted: %w", channels.ErrGone)
	}
	if loaded {
		return nil
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	b.mu.Lock()
	loaded = t.loaded
	b.mu.Unlock()
	if loaded {
		return nil
	}
	byID, err := t.file.read()
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t.byID, t.entries, t.next = byID, nil, max(0, t.next)
	t.removed = map[channels.MessageID]int64{}
	t.loaded, t.base = true, b.bump()
	for _, e := range byID {
		e.rev = t.base
		t.entries = append(t.entries, e)
		t.next = max(t.next, e.N+1)
	}
	slices.SortFunc(t.entries, byPlace)
	t.shown = len(t.entries) > 0
	b.putAway()
	return nil
}

func byPlace(x, y *entry) int {
	return cmp.Or(cmp.Compare(x.N, y.N), x.Time.Compare(y.Time), strings.Compare(string(x.ID), string(y.ID)))
}

// hold makes sure that a conversation's messages are in memory and takes b.mu.
func (b *book) hold(t *talk) error {
	for {
		if err := b.load(t); err != nil {
			return err
		}
		b.mu.Lock()
		if t.loaded && !t.deleted {
			return nil
		}
		b.mu.Unlock() // put away in between
	}
}

// putAway forgets the messages of the conversations that were not used for longest. b.mu is held.
func (b *book) putAway() {
	if b.dir == "" {
		return
	}
	var idle []*talk
	for _, t := range b.talks {
		if t.loaded && len(t.forms) == 0 && len(t.unkept) == 0 {
			idle = append(idle, t)
		}
	}
	slices.SortFunc(idle, func(x, y *talk) int { return cmp.Compare(x.used, y.used) })
	for len(idle) > maxLoaded {
		t := idle[0]
		idle = idle[1:]
		t.loaded, t.entries, t.byID, t.removed = false, nil, nil, nil
	}
}

// bump gives the next revision. b.mu is held.
func (b *book) bump() int64 {
	b.rev++
	return b.rev
}

// wake tells all streams that something changed.
func (b *book) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell()
}

// tell is wake with b.mu held.
func (b *book) tell() {
	for w := range b.watchers {
		select {
		case w <- struct{}{}:
		default: // it has yet to look anyway
		}
	}
}
