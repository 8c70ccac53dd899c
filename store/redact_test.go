package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/channels"
)

// inFiles says in which of the store's files, and of a backup, the text stands.
func inFiles(t *testing.T, s *Store, text string) (found []string) {
	t.Helper()
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(s.path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, backup) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			found = append(found, filepath.Base(name))
		}
	}
	return found
}

const canary = "sk-CANARY-0123456789abcdef"

func TestRedactedIsNowhere(t *testing.T) {
	s := open(t, "", Options{})
	ctx := t.Context()
	secret := text("m1", "/login fake "+canary)
	secret.Message.Attachments = []channels.Attachment{{Name: canary, Data: []byte(canary)}}
	secret.Redact = true
	items := mustKeep(t, s, secret, text("m2", "hello"))
	want(t, "redacted", items[0].Redacted, true)
	want(t, "message", items[0].Message, channels.Message{Conversation: "chat", ID: "m1", From: "u1", Private: true})
	answer := text("m3", canary)
	answer.Redact, answer.Done = true, true
	mustKeep(t, s, answer)
	if found := inFiles(t, s, canary); found != nil {
		t.Fatalf("the secret is in %v", found)
	}

	// the control: without Redact it is found, so the search works
	mustKeep(t, s, text("m4", canary))
	if found := inFiles(t, s, canary); found == nil {
		t.Fatal("the search finds nothing")
	}
	edit := text("m4", canary)
	edit.Message.Edited, edit.Redact = true, true
	if got := mustKeep(t, s, edit); len(got) != 0 {
		t.Errorf("an edit is given back: %v", got)
	}
	if found := inFiles(t, s, canary); found != nil {
		t.Fatalf("after the edit the secret is in %v", found)
	}
	want(t, "queue", texts(s.Queue(chat)), `["","hello",""]`)

	s = reopen(t, s)
	want(t, "queue", texts(s.Queue(chat)), `["","hello",""]`)
	q := s.Queue(chat)
	want(t, "redacted", []bool{q[0].Redacted, q[1].Redacted, q[2].Redacted}, []bool{true, false, true})
	if err := s.Forget(ctx, chat); err != nil {
		t.Fatal(err)
	}
	if found := inFiles(t, s, "hello"); found != nil {
		t.Errorf("what was forgotten is in %v", found)
	}
}

// Pages are split, merged and moved while texts of all lengths come and go; what was blanked must not survive in what
// a page has left over.
func TestBlankedIsNowhere(t *testing.T) {
	s := open(t, "", Options{Sync: "normal"})
	rnd := rand.New(rand.NewPCG(0, 2))
	var live, blank []Incoming
	for i := range 600 {
		in := text(fmt.Sprintf("m%d", i), fmt.Sprintf("%s-%d. %s", canary, i, strings.Repeat("x", rnd.IntN(1<<rnd.IntN(13)))))
		mustKeep(t, s, in)
		live = append(live, in)
		for rnd.IntN(2) == 0 {
			edit := live[rnd.IntN(len(live))]
			edit.Message.Text, edit.Message.Edited = canary+strings.Repeat("z", rnd.IntN(2000)), true
			mustKeep(t, s, edit)
		}
	}
	for i, it := range s.Queue(chat) {
		if rnd.IntN(3) > 0 {
			if err := s.Drop(t.Context(), it.Seq); err != nil {
				t.Fatal(err)
			}
			continue
		}
		live[i].Message.Text, live[i].Message.Edited, live[i].Redact = "", true, true
		blank = append(blank, live[i])
	}
	mustKeep(t, s, blank...)
	if found := inFiles(t, s, canary); found != nil {
		t.Errorf("a blanked text is in %v", found)
	}
}

// A reader that holds an old state of the file delays the blanking in the log, and no more.
func TestBlankedUnderAReader(t *testing.T) {
	s := open(t, "", Options{})
	ctx := t.Context()
	mustKeep(t, s, text("m1", canary), text("m2", "hello"))
	reader, err := s.reads.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	err = reader.QueryRowContext(ctx, "SELECT COUNT(*) FROM messages").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	edit := text("m1", "")
	edit.Message.Edited, edit.Redact = true, true
	mustKeep(t, s, edit)
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustKeep(t, s, text("m3", "the next write tries again"))
	if found := inFiles(t, s, canary); found != nil {
		t.Errorf("the secret is in %v", found)
	}
}
