package web

import (
	"bytes"
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
	"time"

	"chatgateway/channels"
	"chatgateway/internal/status"
	"chatgateway/login"
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

// A gateway that is killed shows, when it is back, what it had shown: the last edition that was whole, in order. The
// second book here opens the files that the first one has not closed.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	b := newTestBook(t, dir)
	tk := conversation(t, b)
	n, err := b.place(tk)
	if err != nil {
		t.Fatal(err)
	}
	// The answer to a message may be there before the message is.
	for _, e := range []entry{{ID: "b1", Text: "grow", Growing: true}, {ID: "b1", Text: "growing", Growing: true}} {
		if err := b.put(tk, e, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add(tk, entry{ID: "u1", N: n, Mine: true, Text: "question"}); err != nil {
		t.Fatal(err)
	}
	if got, want := texts(t, newTestBook(t, dir)), []string{"question", "grow"}; !slices.Equal(got, want) {
		t.Errorf("killed while it grows: %q; want %q", got, want)
	}
	if err := b.put(tk, entry{ID: "b1", Text: "grown"}, true); err != nil {
		t.Fatal(err)
	}
	again := newTestBook(t, dir)
	if got, want := texts(t, again), []string{"question", "grown"}; !slices.Equal(got, want) {
		t.Errorf("after it: %q; want %q", got, want)
	}
	// The core sends an answer again if it does not know that it was sent.
	if err := again.put(conversation(t, again), entry{ID: "b1", Text: "grown"}, false); err != nil {
		t.Fatal(err)
	}
	if err := again.put(conversation(t, again), entry{ID: "lost", Text: "an edit of what a power failure took"}, true); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, again); len(got) != 3 {
		t.Errorf("sent again: %q", got)
	}
	list, _, err := newTestBook(t, dir).changes(Owner, "conversation1", cursor{})
	if err != nil || len(list.Talks) != 1 || list.Talks[0].Title != "question" || !list.Whole || !list.List {
		t.Errorf("the list is %+v (%v)", list, err)
	}
}

// Of what is deleted no byte stays in the file, of no edition; and a late edit does not bring it back.
func TestDeletedForGood(t *testing.T) {
	dir := t.TempDir()
	b := newTestBook(t, dir)
	tk := conversation(t, b)
	for _, e := range []entry{{ID: "x", Text: "CANARY-1", Growing: true}, {ID: "y", Text: "stays"}, {ID: "x", Text: "CANARY-2 \u00e9"}, {ID: "x", Text: "CANARY-3"}} {
		if err := b.put(tk, e, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.remove(tk, "x"); err != nil {
		t.Fatal(err)
	}
	if err := b.put(tk, entry{ID: "x", Text: "CANARY-4"}, true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an edit of a deleted message gave %v; want ErrUnsupported", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "conversation1.jsonl"))
	if err != nil || bytes.Contains(data, []byte("CANARY")) || !bytes.Contains(data, []byte("stays")) {
		t.Errorf("the file holds (%v)\n%s", err, data)
	}
	if got := texts(t, newTestBook(t, dir)); !slices.Equal(got, []string{"stays"}) {
		t.Errorf("read again: %q", got)
	}
	// One that was deleted after a restart too.
	again := newTestBook(t, dir)
	if err := again.remove(conversation(t, again), "y"); err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(filepath.Join(dir, "conversation1.jsonl")); err != nil || bytes.Contains(data, []byte("stays")) {
		t.Errorf("the file holds (%v)\n%s", err, data)
	}
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

// Names of files are checked where they become paths, whoever checked them before.
func TestNamesBecomePaths(t *testing.T) {
	b := newTestBook(t, t.TempDir())
	for _, id := range []channels.ConversationID{"../conversation1", "conversation1/x", "", "CONVERSATION1", "short"} {
		if _, err := b.of(Owner, id, true); err == nil {
			t.Errorf("a conversation named %q is made", id)
		}
	}
	tk := conversation(t, b)
	for _, id := range []string{"../sessions.json", "", "..", strings.Repeat("0", 31) + "/", strings.Repeat("A", 32)} {
		if p := tk.filePath(id); p != "" {
			t.Errorf("file %q is %s", id, p)
		}
	}
}

// Lines that a crash tore, and files that are not ours, are passed over and not touched.
func TestTornFiles(t *testing.T) {
	dir := t.TempDir()
	b := newTestBook(t, dir)
	if err := b.put(conversation(t, b), entry{ID: "a", Text: "first"}, false); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conversation1.jsonl")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\x00\x00\n{\"id\":\"b\",\"n\":7,\"text\":\"torn"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"shortfileaaaa.jsonl": "{}", "notoursaaaaaa.jsonl": strings.Repeat("x", 2000), "Other.txt": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b = newTestBook(t, dir)
	if got := texts(t, b); !slices.Equal(got, []string{"first"}) {
		t.Errorf("read %q", got)
	}
	if err := b.put(conversation(t, b), entry{ID: "c", Text: "second"}, false); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, newTestBook(t, dir)); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("after a torn line: %q", got)
	}
	if len(b.talks) != 1 {
		t.Errorf("%d conversations; want ours alone", len(b.talks))
	}
	if data, err := os.ReadFile(filepath.Join(dir, "notoursaaaaaa.jsonl")); err != nil || len(data) != 2000 {
		t.Errorf("a file that is not ours has %d bytes now (%v)", len(data), err)
	}
}

// A file of which most holds no more is written anew when it is read.
func TestRewritten(t *testing.T) {
	dir := t.TempDir()
	b := newTestBook(t, dir)
	tk := conversation(t, b)
	for i := range 20 {
		if err := b.put(tk, entry{ID: "x", Text: strings.Repeat("long ", 10000) + fmt.Sprint(i)}, true); err != nil {
			t.Fatal(err)
		}
	}
	before := tk.file.end
	b = newTestBook(t, dir)
	if got := texts(t, b); len(got) != 1 || !strings.HasSuffix(got[0], "19") {
		t.Fatal("the last edition is not there")
	}
	info, err := os.Stat(filepath.Join(dir, "conversation1.jsonl"))
	if err != nil || info.Size() > before/10 {
		t.Errorf("the file has %d of %d bytes (%v)", info.Size(), before, err)
	}
	if err := b.put(conversation(t, b), entry{ID: "y", Text: "more"}, false); err != nil {
		t.Fatal(err)
	}
	if err := b.remove(conversation(t, b), "x"); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, newTestBook(t, dir)); !slices.Equal(got, []string{"more"}) {
		t.Errorf("after it: %q", got)
	}
}

// Many conversations do not stay in memory; those put away come back whole.
func TestPutAway(t *testing.T) {
	dir := t.TempDir()
	b := newTestBook(t, dir)
	id := func(i int) channels.ConversationID {
		return channels.ConversationID(fmt.Sprintf("conversation%04d", i))
	}
	for i := range 3 * maxLoaded {
		tk, err := b.of(Owner, id(i), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.put(tk, entry{ID: "a", Text: fmt.Sprint(i)}, false); err != nil {
			t.Fatal(err)
		}
	}
	b = newTestBook(t, dir)
	for range 2 {
		var wg sync.WaitGroup
		for i := range 3 * maxLoaded {
			wg.Go(func() {
				tk, err := b.of(Owner, id(i), false)
				if err != nil {
					t.Error(err)
					return
				}
				if has, err := b.has(tk, "a"); err != nil || !has {
					t.Errorf("conversation %d lost its message (%v)", i, err)
				}
			})
		}
		wg.Wait()
	}
	loaded := 0
	for _, tk := range b.talks {
		if tk.loaded {
			loaded++
		}
	}
	if loaded > maxLoaded+1 {
		t.Errorf("%d conversations are in memory; want at most %d", loaded, maxLoaded)
	}
}

// A message is shown although it cannot be written, and the state says that it is not kept.
func TestDiskFull(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	if err := os.Rename(filepath.Join(home, "web"), filepath.Join(home, "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Send(t.Context(), channels.Post{To: v.conv, Text: "shown all the same"}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	v.until(t, "the answer is shown", func() bool { return len(v.have) == 2 })
	h.Channel.mu.Lock()
	s := h.state
	h.Channel.mu.Unlock()
	if s.State != status.Degraded || !strings.Contains(s.Detail, "not kept") || strings.Contains(s.Detail, home) {
		t.Errorf("the state is %+v", s)
	}
	if err := os.Rename(filepath.Join(home, "away"), filepath.Join(home, "web")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Send(t.Context(), channels.Post{To: v.conv, Text: "kept again"}); err != nil {
		t.Fatal(err)
	}
	h.Channel.mu.Lock()
	s = h.state
	h.Channel.mu.Unlock()
	if s.State != status.Connected {
		t.Errorf("the state is %+v after a good write", s)
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

// Forms end with their time, with their context, once; and nobody answers twice.
func TestForms(t *testing.T) {
	h := run(t, "", nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "hello")
	step := login.Step{Text: "Which?", Field: &login.Field{Name: "Code"}, Choices: []login.Choice{{Label: "A", Value: "a"}}}
	ask := func(ctx context.Context, s login.Step) <-chan error {
		done := make(chan error, 1)
		go func() {
			got, err := h.Ask(ctx, channels.Post{To: v.conv, Only: Owner}, s)
			if err == nil && got.Reveal() != "a" {
				err = fmt.Errorf("the answer is %d long", len(got.Reveal()))
			}
			done <- err
		}()
		return done
	}
	done := ask(t.Context(), step)
	v.until(t, "the form is shown", func() bool { return len(v.forms) == 1 })
	url := v.base + "/forms/" + v.forms[0].ID
	for _, a := range []string{"", "  ", "b"} {
		v.want(t, 422, v.do(t, "POST", url, map[string]string{"answer": a}), nil)
	}
	v.want(t, 200, v.do(t, "POST", url, map[string]string{"answer": " a\n"}), nil)
	if err := <-done; err != nil {
		t.Error(err)
	}
	v.until(t, "the form is gone", func() bool { return len(v.forms) == 0 })
	v.want(t, 410, v.do(t, "POST", url, map[string]string{"answer": "a"}), nil)

	step.Expires = time.Now().Add(20 * time.Millisecond)
	if err := <-ask(t.Context(), step); !errors.Is(err, login.ErrExpired) {
		t.Errorf("after its time Ask gave %v; want ErrExpired", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	step.Expires = time.Time{}
	done = ask(ctx, step)
	v.until(t, "another form is shown", func() bool { return len(v.forms) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Ask gave %v; want the context's error", err)
	}
	v.until(t, "it is taken back", func() bool { return len(v.forms) == 0 })
}

// A secret argument of a command, and what is shaped like a key, go to the core and nowhere else.
func TestSecretsAreNotKept(t *testing.T) {
	home := t.TempDir()
	h := run(t, home, func(s *Settings) { s.Core = secretive{} })
	menu := []channels.Command{{Name: "login", Args: []channels.Arg{{Name: "provider", Complete: func(context.Context, string) []string { return []string{"openai"} }}, {Name: "key", Secret: true,
		Complete: func(context.Context, string) []string { t.Error("a secret was completed"); return nil }}}}}
	if err := h.SetMenu(t.Context(), menu); err != nil {
		t.Fatal(err)
	}
	v := visit(t, h.Channel, Owner, "conversation1")
	for _, text := range []string{"/login openai CANARY-arg more", "/LOGIN openai CANARY-case", "CANARY-text"} {
		v.say(t, text)
	}
	v.until(t, "all are shown", func() bool { return len(v.have) == 3 })
	for i, want := range []string{"/login openai " + notKept, "/LOGIN openai " + notKept, notKept} {
		if got := v.shown()[i].Text; got != want {
			t.Errorf("shown %q; want %q", got, want)
		}
	}
	if got := h.messages()[0].Text; got != "/login openai CANARY-arg more" {
		t.Errorf("the core heard %q", got)
	}
	v.want(t, 200, v.do(t, "POST", v.base+"/complete", map[string]string{"text": "/login openai CANARY"}), nil)
	var values []string
	v.want(t, 200, v.do(t, "POST", v.base+"/complete", map[string]string{"text": "/login o"}), &values)
	if !slices.Equal(values, []string{"openai"}) {
		t.Errorf("completed %q", values)
	}
	h.stop()
	err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("CANARY")) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil || strings.Contains(h.log.String(), "CANARY") {
		t.Errorf("the log holds a secret (%v)", err)
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
