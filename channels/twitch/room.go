package twitch

import (
	"crypto/rand"
	"time"
)

// room is one room. The channel's mutex guards all but turn.
type room struct {
	name      string
	owner     string // the broadcaster's user id; empty: not known yet
	joined    bool
	moderator bool              // the bot is, or is the broadcaster
	exempt    bool              // from slow mode
	slow      time.Duration     // slow mode
	trouble   string            // why the bot cannot be here, or not write; a sentence
	shut      bool              // Twitch said that the bot cannot be here
	next      time.Time         // before it nothing is sent
	turn      chan struct{}     // holds one: the post under way
	waits     *receipt          // the message that waits for Twitch's word
	said      []saying          // in the last while, oldest first
	unsure    map[string]string // key → words of messages that may have been sent
}

// saying is a message that was sent.
type saying struct {
	key, text, id string
	at            time.Time
}

// receipt waits for Twitch's word on one message.
type receipt struct {
	nonce string
	done  chan result // holds one
}

// result is Twitch's word: the message's id, or why it was not sent.
type result struct {
	id      string
	refusal *refusal
}

func newRoom(name string) *room {
	return &room{name: name, turn: make(chan struct{}, 1), unsure: map[string]string{}}
}

func (r *room) join() { r.joined, r.shut, r.trouble = true, false, "" }

// leave forgets what held for a connection.
func (r *room) leave() { r.joined, r.shut, r.trouble, r.waits = false, false, "", nil }

func (r *room) refuse(f refusal) { r.joined, r.shut, r.trouble = false, true, f.text }

func (r *room) hold(d time.Duration) {
	if t := time.Now().Add(d); t.After(r.next) {
		r.next = t
	}
}

// confirm takes a USERSTATE as Twitch's word that the message was sent.
func (r *room) confirm(tags map[string]string) {
	if r.waits == nil || tags["client-nonce"] != "" && tags["client-nonce"] != r.waits.nonce {
		return
	}
	r.trouble = ""
	r.settle(result{id: tags["id"]})
}

func (r *room) settle(res result) {
	r.waits.done <- res
	r.waits = nil
}

// every is the least time between two messages here.
func (r *room) every() time.Duration {
	switch {
	case r.moderator:
		return 0
	case r.exempt:
		return roomEvery
	}
	return max(roomEvery, r.slow)
}

const saidMost = 300

// note remembers a message that was sent.
func (r *room) note(s saying) {
	if s.at = time.Now(); len(r.said) >= saidMost {
		r.said = append(r.said[:0], r.said[len(r.said)-saidMost+1:]...)
	}
	r.said = append(r.said, s)
	delete(r.unsure, s.key)
}

// sentKey gives the id of the message that was sent with a key.
func (r *room) sentKey(key string) (string, bool) {
	for _, s := range r.said {
		if key != "" && s.key == key {
			return s.id, true
		}
	}
	return "", false
}

// saidLately reports whether the same words were sent here within Twitch's window.
func (r *room) saidLately(text string) bool {
	for _, s := range r.said {
		if s.text == text && time.Since(s.at) < sameWindow {
			return true
		}
	}
	return false
}

// newNonce is a name for a message or a question.
func newNonce() string { return rand.Text() }
