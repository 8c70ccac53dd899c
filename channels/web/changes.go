package web

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/markdown"
)

// pageSize is how many messages are sent at once of a long conversation.
const pageSize = 60

// maxTalks is how many conversations are listed.
const maxTalks = 500

// change is what a browser lacks, as one event of the stream. What is absent has not changed.
type change struct {
	Whole    bool                      `json:"whole,omitempty"` // Messages are all that is known of the conversation's end
	More     bool                      `json:"more,omitempty"`  // with Whole: there are older ones
	Messages []shown                   `json:"messages,omitempty"`
	Removed  []channels.MessageID      `json:"removed,omitempty"`
	List     bool                      `json:"list,omitempty"` // Talks are all there are
	Talks    []shownTalk               `json:"talks,omitempty"`
	Deleted  []channels.ConversationID `json:"deleted,omitempty"`
	Forms    *[]shownForm              `json:"forms,omitempty"`  // all that are open
	Typing   *int64                    `json:"typing,omitempty"` // for so many milliseconds
	Menu     *[]shownCommand           `json:"menu,omitempty"`
	Panel    bool                      `json:"panel,omitempty"` // the panel has news
}

func (c *change) empty() bool {
	return !c.Whole && !c.List && !c.Panel && len(c.Messages) == 0 && len(c.Removed) == 0 && len(c.Talks) == 0 &&
		len(c.Deleted) == 0 && c.Forms == nil && c.Typing == nil && c.Menu == nil
}

// shown is a message as the page gets it.
type shown struct {
	ID      channels.MessageID `json:"id"`
	N       int                `json:"n"`
	Mine    bool               `json:"mine,omitempty"`
	Text    string             `json:"text,omitempty"` // not while it grows
	HTML    string             `json:"html,omitempty"` // of the bot's
	Choices []choice           `json:"choices,omitempty"`
	Files   []file             `json:"files,omitempty"`
	Time    int64              `json:"time"` // milliseconds
	Growing bool               `json:"growing,omitempty"`
}

type shownTalk struct {
	ID      channels.ConversationID `json:"id"`
	Title   string                  `json:"title"`
	Updated int64                   `json:"updated"`        // milliseconds
	Busy    int64                   `json:"busy,omitempty"` // for so many milliseconds an answer is being made
}

type shownCommand struct {
	Name string     `json:"name"`
	Help string     `json:"help"`
	Args []shownArg `json:"args,omitempty"`
}

type shownArg struct {
	Name     string `json:"name"`
	Help     string `json:"help,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Secret   bool   `json:"secret,omitempty"`
	Complete bool   `json:"complete,omitempty"`
}

// cursor says up to where a browser has seen. The zero value has seen nothing.
type cursor struct {
	boot string
	rev  int64
}

func (c cursor) String() string { return fmt.Sprintf("%s.%d", c.boot, c.rev) }

// parseCursor reads what String made; anything else is the zero cursor.
func parseCursor(s string) (c cursor) {
	boot, rev, ok := strings.Cut(s, ".")
	if !ok {
		return cursor{}
	}
	if _, err := fmt.Sscanf(rev, "%d", &c.rev); err != nil {
		return cursor{}
	}
	c.boot = boot
	return c
}

// changes says what a person's browser that looks at a conversation lacks since a cursor, and where it is then. The
// conversation may not exist yet.
func (b *book) changes(u channels.UserID, id channels.ConversationID, since cursor) (change, cursor, error) {
	var c change
	t, err := b.of(u, id, false)
	if err == nil {
		err = b.hold(t)
	}
	switch {
	case errors.Is(err, channels.ErrGone):
		t = nil
		b.mu.Lock()
	case err != nil:
		return c, since, err
	}
	if since.boot != b.boot {
		since.rev = 0
	}
	c.List = since.rev == 0 || since.rev < b.goneBase
	c.Talks = b.list(u, since.rev, c.List)
	for _, g := range b.gone {
		if g.user == u && g.rev > since.rev && !c.List {
			c.Deleted = append(c.Deleted, g.id)
		}
	}
	if b.menuRev > since.rev {
		c.Menu = showMenu(b.menu)
	}
	var fresh []*entry
	switch {
	case t != nil:
		fresh = b.conversation(t, since.rev, &c)
	case since.rev == 0:
		c.Whole = true
	}
	now := cursor{b.boot, b.rev}
	b.mu.Unlock()
	for _, e := range fresh {
		c.Messages = append(c.Messages, e.show())
	}
	return c, now, nil
}

// conversation notes what changed in a conversation and gives the messages that did. b.mu is held.
func (b *book) conversation(t *talk, since int64, c *change) (fresh []*entry) {
	if since < t.base {
		c.Whole = true
		fresh = slices.Clone(t.entries)
		if len(fresh) > pageSize {
			c.More, fresh = true, fresh[len(fresh)-pageSize:]
		}
	} else {
		for _, e := range t.entries {
			if e.rev > since {
				fresh = append(fresh, e)
			}
		}
		for id, rev := range t.removed {
			if rev > since {
				c.Removed = append(c.Removed, id)
			}
		}
	}
	if t.formRev > since || c.Whole {
		forms := []shownForm{}
		for _, f := range t.forms {
			forms = append(forms, f.show())
		}
		c.Forms = &forms
	}
	if t.typeRev > since || c.Whole {
		c.Typing = new(max(0, time.Until(t.typing).Milliseconds()))
	}
	return fresh
}

// list gives a person's conversations that changed, or all of them, the last used first. b.mu is held.
func (b *book) list(u channels.UserID, since int64, all bool) (out []shownTalk) {
	for _, t := range b.talks {
		if t.head.User == u && t.shown && (all || max(t.rev, t.typeRev) > since) {
			out = append(out, t.show())
		}
	}
	slices.SortFunc(out, func(x, y shownTalk) int { return cmp.Compare(y.Updated, x.Updated) })
	return out[:min(len(out), maxTalks)]
}

// show is called with b.mu held.
func (t *talk) show() shownTalk {
	s := shownTalk{ID: t.id, Title: t.head.Title, Updated: t.updated.UnixMilli()}
	if left := time.Until(t.typing); left > 0 {
		s.Busy = left.Milliseconds()
	}
	if n := len(t.entries); n > 0 && t.entries[n-1].Growing {
		s.Busy = time.Minute.Milliseconds()
	}
	return s
}

// earlier gives the page of messages before a place, and whether there are more.
func (b *book) earlier(t *talk, before int) (out []shown, more bool, err error) {
	if err := b.hold(t); err != nil {
		return nil, false, err
	}
	at, _ := slices.BinarySearchFunc(t.entries, before, func(e *entry, n int) int { return cmp.Compare(e.N, n) })
	from := max(0, at-pageSize)
	page := slices.Clone(t.entries[from:at])
	b.mu.Unlock()
	for _, e := range page {
		out = append(out, e.show())
	}
	return out, from > 0, nil
}

// show renders a message. It needs no lock: entries do not change.
func (e *entry) show() shown {
	s := shown{ID: e.ID, N: e.N, Mine: e.Mine, Choices: e.Choices, Files: e.Files, Time: e.Time.UnixMilli(), Growing: e.Growing}
	switch {
	case e.Mine:
		s.Text = e.Text
	case e.Growing:
		s.HTML = markdown.HTML(e.Text)
	default:
		s.Text, s.HTML = e.Text, markdown.HTML(e.Text)
	}
	return s
}

func showMenu(menu []channels.Command) *[]shownCommand {
	out := []shownCommand{}
	for _, c := range menu {
		s := shownCommand{Name: c.Name, Help: c.Help}
		for _, a := range c.Args {
			s.Args = append(s.Args, shownArg{a.Name, a.Help, a.Optional, a.Secret, a.Complete != nil && !a.Secret})
		}
		out = append(out, s)
	}
	return &out
}
