package web

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatgateway/channels"
	"chatgateway/internal/status"
)

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
