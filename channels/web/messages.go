package web

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// commandPattern is what a command begins with. A conversation is named after the first message that is none; until
// then after its first command, without what was given to that.
var commandPattern = lazyregexp.New(`^\s*/[A-Za-z][A-Za-z0-9_-]*([\s:@]|$)`)

// place gives the place of a person's message before the core is asked, so that an answer comes after it.
func (b *book) place(t *talk) (int, error) {
	if err := b.hold(t); err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	t.next++
	return t.next - 1, nil
}

// has reports whether a message is there.
func (b *book) has(t *talk, id channels.MessageID) (bool, error) {
	if err := b.hold(t); err != nil {
		return false, err
	}
	defer b.mu.Unlock()
	return t.byID[id] != nil, nil
}

// add shows a message of the person's, at its place.
func (b *book) add(t *talk, e entry) error {
	titled, err := b.insert(t, &e)
	if err != nil {
		return err
	}
	b.keep(t, e.ID, true)
	if titled {
		b.keepHeader(t)
	}
	return nil
}

// insert is add in memory; it says whether the conversation has another title now.
func (b *book) insert(t *talk, e *entry) (titled bool, err error) {
	if err := b.hold(t); err != nil {
		return false, err
	}
	defer b.mu.Unlock()
	command := commandPattern.MatchString(e.Text)
	if t.head.Title == "" || !command && !t.head.Named && commandPattern.MatchString(t.head.Title) {
		title := cleanTitle(e.Text)
		switch {
		case command:
			title, _, _ = strings.Cut(title, " ")
		case title == "" && len(e.Files) > 0:
			title = cleanTitle(e.Files[0].Name)
		}
		if titled = title != "" && title != notKept; titled {
			t.head.Title = title
		}
	}
	b.publish(t, e)
	return titled, nil
}

// put shows a message of the bot's: a new one, or in place of the one with its id. An edit of a message that was
// deleted fails; what grows is kept on disk when it begins and when it is whole.
func (b *book) put(t *talk, e entry, edit bool) error {
	first, changed, err := b.replace(t, &e, edit)
	if err != nil || !changed {
		return err
	}
	if first || !e.Growing {
		b.keep(t, e.ID, !e.Growing)
	}
	return nil
}

// replace is put in memory; it says whether the message is new, and whether anything changed.
func (b *book) replace(t *talk, e *entry, edit bool) (first, changed bool, err error) {
	if err := b.hold(t); err != nil {
		return false, false, err
	}
	defer b.mu.Unlock()
	if _, gone := t.removed[e.ID]; gone && edit {
		return false, false, fmt.Errorf("the message was deleted: %w", errors.ErrUnsupported)
	}
	old := t.byID[e.ID]
	if old != nil {
		e.N, e.Time = old.N, old.Time
		if edit {
			e.Files = old.Files
		}
		if old.same(e) {
			return false, false, nil
		}
	} else {
		e.N, t.next = t.next, t.next+1
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
	}
	if time.Now().Before(t.typing) {
		t.typing, t.typeRev = time.Time{}, b.bump()
	}
	b.publish(t, e)
	return old == nil, true, nil
}

// publish puts a message into its place and tells everybody. b.mu is held.
func (b *book) publish(t *talk, e *entry) {
	e.rev = b.bump()
	t.byID[e.ID] = e
	t.entries = slices.DeleteFunc(t.entries, func(o *entry) bool { return o.ID == e.ID })
	at, _ := slices.BinarySearchFunc(t.entries, e, byPlace)
	t.entries = slices.Insert(t.entries, at, e)
	delete(t.removed, e.ID)
	t.unkept[e.ID] = true
	t.shown, t.updated, t.rev = true, time.Now(), e.rev
	b.tell()
}

// keep writes a message as it is now. That it cannot is told, and the message is shown all the same: whoever waits
// for an answer shall have it.
func (b *book) keep(t *talk, id channels.MessageID, sync bool) {
	t.writing.Lock()
	defer t.writing.Unlock()
	b.mu.Lock()
	e, deleted := t.byID[id], t.deleted
	b.mu.Unlock()
	if e == nil || deleted {
		return
	}
	err := t.file.append(e, sync)
	b.failed(err)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.byID[id] == e {
		delete(t.unkept, id)
	}
}

func (b *book) keepHeader(t *talk) {
	t.writing.Lock()
	defer t.writing.Unlock()
	b.mu.Lock()
	h, deleted := t.head, t.deleted
	b.mu.Unlock()
	if !deleted {
		b.failed(t.file.setHeader(h))
	}
}

// remove takes a message away and overwrites what it said.
func (b *book) remove(t *talk, id channels.MessageID) error {
	if err := b.hold(t); err != nil {
		return err
	}
	e := t.byID[id]
	t.removed[id] = b.bump() // an edit that comes later does not bring it back
	if e != nil {
		delete(t.byID, id)
		delete(t.unkept, id)
		t.entries = slices.DeleteFunc(t.entries, func(o *entry) bool { return o.ID == id })
		t.shown = len(t.entries) > 0
		t.rev = t.removed[id]
		b.tell()
	}
	titled := e != nil && e.Mine && !t.head.Named && t.head.Title == cleanTitle(e.Text)
	if titled {
		t.head.Title = "Conversation"
	}
	b.mu.Unlock()
	if titled {
		b.keepHeader(t)
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.file.scrub(id)
}

// settle keeps what was growing as it is: nobody will finish it.
func (b *book) settle() {
	type one struct {
		t  *talk
		id channels.MessageID
	}
	var left []one
	b.mu.Lock()
	for _, t := range b.talks {
		for _, e := range slices.Clone(t.entries) {
			if e.Growing {
				n := *e
				n.Growing = false
				b.publish(t, &n)
			}
		}
		for id := range t.unkept {
			left = append(left, one{t, id})
		}
	}
	b.mu.Unlock()
	for _, o := range left {
		b.keep(o.t, o.id, true)
	}
}

// typing shows for d that an answer is being made.
func (b *book) typing(t *talk, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.typing, t.typeRev = time.Now().Add(d), b.bump()
	b.tell()
}

func (b *book) setMenu(menu []channels.Command) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.menu, b.menuRev = slices.Clone(menu), b.bump()
	b.tell()
}

// command finds a command of the menu.
func (b *book) command(name string) (channels.Command, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.menu, func(c channels.Command) bool { return c.Name == name })
	if i < 0 {
		return channels.Command{}, false
	}
	return b.menu[i], true
}

// rename gives a conversation the title that a person chose.
func (b *book) rename(t *talk, title string) {
	b.mu.Lock()
	t.head.Title, t.head.Named = cleanTitle(title), true
	t.rev = b.bump()
	b.tell()
	b.mu.Unlock()
	b.keepHeader(t)
}

// discard deletes a conversation with all that is in it.
func (b *book) discard(t *talk) error {
	b.mu.Lock()
	t.deleted = true
	delete(b.talks, t.id)
	b.gone = append(b.gone, goneTalk{t.id, t.head.User, b.bump()})
	if len(b.gone) > 1000 { // who has been away for so long gets the whole list
		b.goneBase = b.gone[499].rev
		b.gone = slices.Delete(b.gone, 0, 500)
	}
	b.tell()
	b.mu.Unlock()
	t.writing.Lock()
	defer t.writing.Unlock()
	return t.file.remove()
}

// button reports whether a message bears a button now.
func (b *book) button(t *talk, id channels.MessageID, p channels.PressID) (bool, error) {
	if err := b.hold(t); err != nil {
		return false, err
	}
	defer b.mu.Unlock()
	e := t.byID[id]
	return e != nil && slices.ContainsFunc(e.Choices, func(c choice) bool { return c.Press == p && p != "" }), nil
}
