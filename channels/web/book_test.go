package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatgateway/channels"
)

func newTestBook(t *testing.T, dir string) *book {
	t.Helper()
	b := newBook(dir, slog.New(slog.DiscardHandler))
	b.failed = func(err error) {
		if err != nil {
			t.Errorf("a write failed: %v", err)
		}
	}
	return b
}

func conversation(t *testing.T, b *book) *talk {
	t.Helper()
	tk, err := b.of(Owner, "conversation1", true)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func texts(t *testing.T, b *book) (out []string) {
	t.Helper()
	tk := conversation(t, b)
	if err := b.hold(tk); err != nil {
		t.Fatal(err)
	}
	defer b.mu.Unlock()
	for _, e := range tk.entries {
		out = append(out, e.Text)
	}
	return out
}

// An edit leaves a message where it stands.
func TestEditKeepsItsPlace(t *testing.T) {
	dir := t.TempDir()
	b := newTestBook(t, dir)
	for _, e := range []entry{{ID: "a", Text: "first"}, {ID: "b", Text: "second"}, {ID: "a", Text: "first, edited"}} {
		if err := b.put(conversation(t, b), e, e.ID == "a"); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"first, edited", "second"}
	if got, again := texts(t, b), texts(t, newTestBook(t, dir)); !slices.Equal(got, want) || !slices.Equal(again, want) {
		t.Errorf("shown %q, read again %q; want %q", got, again, want)
	}
}

// What was growing when the gateway stopped is kept as far as it came, and grows no more.
func TestStopped(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	for _, text := range []string{"half", "half an", "half an answer"} {
		if _, err := h.Send(t.Context(), channels.Post{To: v.conv, Key: "k", Text: text, Partial: true}); err != nil {
			t.Fatal(err)
		}
	}
	h.stop()
	b := newTestBook(t, filepath.Join(home, "web"))
	if got := texts(t, b); !slices.Equal(got, []string{"hello", "half an answer"}) {
		t.Errorf("kept %q", got)
	}
	if err := h.book.hold(h.book.talks[v.conv]); err != nil {
		t.Fatal(err)
	}
	defer h.book.mu.Unlock()
	for _, e := range h.book.talks[v.conv].entries {
		if e.Growing {
			t.Error("it still grows")
		}
	}
}

// What a person says in one conversation comes to the core one after the other, and is shown in that order, each
// answer behind its message, also when the core answers before it has taken the message.
func TestOrder(t *testing.T) {
	h := run(t, t.TempDir(), nil)
	h.say = func(m channels.Message) error {
		_, err := h.Send(context.Background(), channels.Post{To: m.Conversation, Key: string(m.ID[len(m.ID)-4:]), Text: "re " + m.Text})
		return err
	}
	v := visit(t, h.Channel, Owner, "conversation1")
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			v.want(t, 200, v.do(t, "POST", v.base+"/messages", said{Conversation: v.conv, ID: fmt.Sprintf("message-%04d", i), Text: fmt.Sprint(i)}), nil)
		})
	}
	wg.Wait()
	v.until(t, "all are shown", func() bool { return len(v.have) == 24 })
	var want []string
	for _, m := range h.messages() {
		want = append(want, m.Text, "re "+m.Text)
	}
	var got []string
	for _, m := range v.shown() {
		got = append(got, m.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("shown %q; want %q", got, want)
	}
	if got := texts(t, newTestBook(t, filepath.Join(h.home, "web"))); !slices.Equal(got, want) {
		t.Errorf("on disk %q; want %q", got, want)
	}
}

// A message that the core refuses is not shown as if it were sent, and is not kept.
func TestRefusedIsNotShown(t *testing.T) {
	h := run(t, t.TempDir(), nil)
	h.say = func(channels.Message) error { return &problem{"The disk is full. Free some space.", nil} }
	v := visit(t, h.Channel, Owner, "conversation1")
	resp := v.do(t, "POST", v.base+"/messages", said{Conversation: v.conv, ID: "message-0001", Text: "hello"})
	if text := v.want(t, 503, resp, nil); !strings.Contains(text, "The disk is full.") {
		t.Errorf("the page is told %s", text)
	}
	if got := texts(t, h.book); len(got) != 0 {
		t.Errorf("shown: %q", got)
	}
}

// Who reads slowly, or was away, gets what holds and not all that was in between.
func TestChanges(t *testing.T) {
	b := newTestBook(t, t.TempDir())
	tk := conversation(t, b)
	if err := b.put(tk, entry{ID: "a", Text: "one"}, false); err != nil {
		t.Fatal(err)
	}
	c, at, err := b.changes(Owner, tk.id, cursor{})
	if err != nil || !c.Whole || len(c.Messages) != 1 {
		t.Fatalf("first: %+v, %v", c, err)
	}
	if c, _, _ := b.changes(Owner, tk.id, at); !c.empty() {
		t.Errorf("nothing changed, and it says %+v", c)
	}
	for i := range 50 {
		if err := b.put(tk, entry{ID: "b", Text: fmt.Sprint(i), Growing: i < 49}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.remove(tk, "a"); err != nil {
		t.Fatal(err)
	}
	c, now, _ := b.changes(Owner, tk.id, at)
	if c.Whole || len(c.Messages) != 1 || c.Messages[0].Text != "49" || !slices.Equal(c.Removed, []channels.MessageID{"a"}) {
		t.Errorf("since then: %+v", c)
	}
	for _, since := range []string{"", "x", "x.y", b.boot, "other.999999", b.boot + ".-5"} {
		if c, _, _ := b.changes(Owner, tk.id, parseCursor(since)); !c.Whole || len(c.Messages) != 1 || !c.List {
			t.Errorf("since %q: %+v; want all of it", since, c)
		}
	}
	if parseCursor(now.String()) != now {
		t.Errorf("%v does not survive", now)
	}
	if err := b.discard(tk); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := b.changes(Owner, "another1234", now); !slices.Equal(c.Deleted, []channels.ConversationID{tk.id}) {
		t.Errorf("after the deletion: %+v", c)
	}
	if err := b.put(tk, entry{ID: "z"}, false); !errors.Is(err, channels.ErrGone) {
		t.Errorf("a post to a deleted conversation gave %v; want ErrGone", err)
	}
}

// Long conversations come page by page, none left out and none twice.
func TestPages(t *testing.T) {
	b := newTestBook(t, "")
	tk := conversation(t, b)
	for i := range 2*pageSize + 7 {
		if err := b.put(tk, entry{ID: channels.MessageID(fmt.Sprint(i)), Text: fmt.Sprint(i)}, false); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := b.changes(Owner, tk.id, cursor{})
	if err != nil || !c.More {
		t.Fatalf("%+v, %v", c.More, err)
	}
	all, more := c.Messages, true
	for more {
		var page []shown
		if page, more, err = b.earlier(tk, all[0].N); err != nil || len(page) == 0 {
			t.Fatalf("a page of %d, %v", len(page), err)
		}
		all = append(page, all...)
	}
	for i, m := range all {
		if m.Text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Text)
		}
	}
	if len(all) != 2*pageSize+7 {
		t.Errorf("%d messages", len(all))
	}
}

type secretive struct{}

func (secretive) LooksSecret(text string) bool { return strings.HasPrefix(text, "CANARY") }

func (secretive) Model(context.Context, channels.AccountID, channels.ConversationID) (string, string) {
	return "", ""
}

func (secretive) Forget(context.Context, channels.AccountID, channels.ConversationID) error {
	return nil
}

// Whatever stands in a conversation's file, reading it neither fails nor loses what comes after.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"id":"a","n":1,"text":"x"}` + "\n"))
	f.Add([]byte("{\"id\":\"a\"}\n{\"id\":\"a\",\"text\":\"2\"}\n\x00{\"id\":\"b"))
	f.Add([]byte("\n\n  \n{}[]\n\"x\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		head := header{Version: 1, User: Owner, Title: "fuzz"}.encode()
		if err := os.WriteFile(filepath.Join(dir, "conversation1.jsonl"), append(head, data...), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newTestBook(t, dir)
		before := texts(t, b)
		if err := b.put(conversation(t, b), entry{ID: "new-one", Text: "new"}, false); err != nil {
			t.Fatal(err)
		}
		if got := texts(t, newTestBook(t, dir)); len(got) < len(before) || !slices.Contains(got, "new") {
			t.Errorf("had %q, has %q", before, got)
		}
	})
}

// A conversation is named after the first message that is no command, until then after its first command, without
// what was given to it, unless a person named it.
func TestTitle(t *testing.T) {
	b := newTestBook(t, t.TempDir())
	tk := conversation(t, b)
	for i, c := range []struct{ text, want string }{
		{" /login anthropic", "/login"}, {"/model", "/login"}, {"/usr/bin is slow", "/usr/bin is slow"}, {"/new", "/usr/bin is slow"}, {"hello", "/usr/bin is slow"},
	} {
		if err := b.add(tk, entry{ID: channels.MessageID(fmt.Sprint("u", i)), N: i + 1, Mine: true, Text: c.text}); err != nil {
			t.Fatal(err)
		}
		if tk.head.Title != c.want {
			t.Errorf("after %q it is %q, want %q", c.text, tk.head.Title, c.want)
		}
	}
	b.rename(tk, "/mine")
	if err := b.add(tk, entry{ID: "last", N: 9, Mine: true, Text: "and on"}); err != nil || tk.head.Title != "/mine" {
		t.Errorf("a name that a person gave becomes %q (%v)", tk.head.Title, err)
	}
}
