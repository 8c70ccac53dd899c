package slack

import (
	"context"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// progress is how far conversations have been read, and which have to be read over the Web API.
type progress struct {
	mu      sync.Mutex
	rooms   *adapter.Marks  // guarded by mu: by channel
	threads *adapter.Marks  // guarded by mu: by conversation
	behind  map[string]*lag // guarded by mu: conversations to be read. Their marks stay, so that another process reads them too
	reading bool            // guarded by mu: somebody reads them
}

// lag says from where a conversation has to be read.
type lag struct {
	after uint64
	times int // how often it was said
}

// loadProgress reads what earlier runs kept.
func loadProgress(ctx context.Context, mark func(context.Context, string) (string, error)) (*progress, error) {
	rooms, err := adapter.LoadMarks(ctx, mark, "channels", "last:", roomsMost)
	if err != nil {
		return nil, err
	}
	threads, err := adapter.LoadMarks(ctx, mark, "threads", "thread:", threadsMost)
	return &progress{rooms: rooms, threads: threads, behind: map[string]*lag{}}, err
}

// reach notes messages that are handed in, and gives the marks to keep with them.
func (r *progress) reach(out []channels.Message) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range out {
		to, err := parseConversation(m.Conversation)
		if err != nil {
			continue
		}
		_, ts, ok := parseMessage(m.ID)
		if !ok || m.Edited {
			r.rooms.Meet(to.channel, "", stampAt(time.Now()))
			continue
		}
		at := stamp(ts)
		if r.rooms.Meet(to.channel, "", at); to.thread == "" || to.thread == ts {
			r.pass(r.rooms, to.channel, at)
		}
		if to.thread != "" {
			r.threads.Meet(string(m.Conversation), "", at)
			r.pass(r.threads, string(m.Conversation), at)
		}
	}
	return r.changed()
}

// pass moves a mark, unless what is before has still to be read. r.mu is held.
func (r *progress) pass(marks *adapter.Marks, place string, at uint64) {
	if r.behind[place] == nil {
		marks.Pass(place, at)
	}
}

// changed gives the marks to keep. r.mu is held.
func (r *progress) changed() map[string]string {
	marks := r.rooms.Changed()
	for key, value := range r.threads.Changed() {
		marks[key] = value
	}
	return marks
}

// kept notes that marks were kept.
func (r *progress) kept(marks map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rooms.Kept(marks)
	r.threads.Kept(marks)
}

// skip notes what was said and is not for the bot.
func (r *progress) skip(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Message != nil || e.Before != nil || !tsShape.MatchString(e.TS): // an edit, whose time is another
	case e.Thread == "" || e.Thread == e.TS:
		r.pass(r.rooms, e.Channel, stamp(e.TS))
	default:
		r.pass(r.threads, string(conversation(e.Channel, e.Thread)), stamp(e.TS))
	}
}

// meet makes a channel known before anything came from it, so that an answer missed there is found.
func (r *progress) meet(ch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rooms.Meet(ch, "", stampAt(time.Now()))
}

// fallBehind notes that all known conversations have to be read; start is false if somebody reads them already.
func (r *progress) fallBehind() (start bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range append(r.rooms.All(), r.threads.All()...) {
		l := r.behind[m.Place]
		if l == nil {
			l = &lag{after: m.Last}
			r.behind[m.Place] = l
		}
		l.times++
	}
	start = !r.reading && len(r.behind) > 0
	r.reading = r.reading || start
	return start
}

// todo lists the conversations to be read; when there are none, reading is over.
func (r *progress) todo() map[string]lag {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := map[string]lag{}
	for place, l := range r.behind {
		list[place] = *l
	}
	r.reading = len(list) > 0
	return list
}

// done notes that a conversation was read as far as last, unless it has to be read again; gone, that there is none.
func (r *progress) done(place string, l lag, last uint64, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.behind[place]; now == nil || now.times == l.times {
		delete(r.behind, place)
	}
	marks := r.rooms
	if strings.Contains(place, ":") {
		marks = r.threads
	}
	if gone {
		marks.Forget(place)
		return
	}
	r.pass(marks, place, last)
}

// knows reports whether a thread has a mark of its own.
func (r *progress) knows(thread channels.ConversationID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.threads.Knows(string(thread))
}
