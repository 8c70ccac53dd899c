package email

import (
	"fmt"
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
)

// TestSentFolder: a copy is kept, read, and the same mail; where it cannot be kept the mail goes all the same.
func TestSentFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.SentFolder = "Sent" })
	p := channels.Post{To: "m1@people.example " + ann, Key: "t1.0", Text: "no folder yet"}
	r.send(p)
	lines, err := r.ch.Test(t.Context())
	if err != nil || !strings.Contains(strings.Join(lines, "\n"), "The folder Sent of sent_folder is missing") {
		t.Errorf("the test says %q, %v", lines, err)
	}
	if err := r.s.User.Create("Sent", nil); err != nil {
		t.Fatal(err)
	}
	p.Key, p.Text = "t1.1", "keep this"
	r.send(p)
	all, unseen := r.s.Count(t, "Sent")
	if all != 1 || unseen != 0 {
		t.Errorf("%d copies, %d of them unread", all, unseen)
	}
	b, err := r.ch.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if _, err := b.open("Sent", true); err != nil {
		t.Fatal(err)
	}
	_ = b.read([]uint32{1}, 1<<20, func(_ uint32, raw []byte) {
		if id, text := read(t, raw); text != "keep this" || id != r.ch.messageID(talk{"m1@people.example", ann}, p.Key) {
			t.Errorf("the copy is %q, %q", id, text)
		}
	})
}

// SMTPUTF8 is asked for where the bot's address needs it, and nowhere else: not every host can take such a mail.
func TestUTF8OnlyWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"": false, "törchen@gateway.example": true} {
		r := newRig(t, emailtest.Options{}, func(s *Settings) { s.DisplayName, s.Address = "Das Törchen", address })
		m := r.send(channels.Post{To: channels.ConversationID("m1@people.example " + ann), Key: "t1.0", Text: "Grüße"})
		if r.s.Sent()[0].UTF8 != want {
			t.Errorf("from %s: SMTPUTF8 is %v; want %v", address, !want, want)
		}
		if head := fmt.Sprint(m.Header); !want && !ascii(head) {
			t.Errorf("the header is not ASCII: %s", head)
		}
	}
}

// realSent: the same on Dovecot, which wants the folder's name as it lists it.
func realSent(t *testing.T, r *emailtest.Real) {
	x := onReal(t, r, "keeper@gateway.example")
	x.set.SentFolder = "INBOX"
	x.open(channeltest.NewSecrets(map[string]string{"username": "keeper@gateway.example", "password": emailtest.Password}))
	if _, err := x.ch.Send(t.Context(), channels.Post{To: "m1@people.example " + ann, Text: "a copy, please"}); err != nil {
		t.Fatal(err)
	}
	raws, flags := r.Mails(t, "keeper@gateway.example", "INBOX")
	if len(raws) != 1 || len(flags[0]) == 0 || !strings.Contains(string(raws[0]), "a copy, please") {
		t.Errorf("%d copies, flags %v", len(raws), flags)
	}
}
