package email

import (
	"testing"
	"time"

	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/status"
)

const ann = "ann@people.example"

func TestFirstStartAnswersNothingOld(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.put(ann, "old", "an old mail", "old1@people.example")
	r.run()
	r.put(ann, "new", "a new mail", "new1@people.example")
	r.hear("a new mail")
	if got := r.texts(); got != "new\n\na new mail" {
		t.Errorf("heard %q", got)
	}
	r.Until("the new mail alone is marked", func() bool {
		all, unseen := r.s.Count(t, "INBOX")
		return all == 2 && unseen == 1
	})
}

func TestMailOfMeanwhile(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.run()
	r.put(ann, "one", "the first", "m1@people.example")
	r.hear("the first")
	r.Stop()
	r.put(ann, "two", "came while it was off", "m2@people.example")
	r.put(ann, "three", "and this", "m3@people.example")
	r.open(channeltest.NewSecrets(good))
	r.run()
	r.hear("and this")
	if got := r.texts(); got != "one\n\nthe first|two\n\ncame while it was off|three\n\nand this" {
		t.Errorf("heard %q", got)
	}
}

func TestFlagsWaitForTheCore(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.Refuse(1 << 30)
	r.run()
	r.put(ann, "x", "not kept yet", "m1@people.example")
	r.Until("the core refused twice", func() bool { return r.Calls() > 1 })
	if _, unseen := r.s.Count(t, "INBOX"); unseen != 1 {
		t.Error("the mail is marked although it is not kept")
	}
	r.Refuse(0)
	r.hear("not kept yet")
	r.Until("it is marked", func() bool { _, unseen := r.s.Count(t, "INBOX"); return unseen == 0 })
}

func TestMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.After, s.MoveTo, s.Folder = "move", "Done", "Bot" })
	for _, name := range []string{"Done", "Bot"} {
		if err := r.s.User.Create(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	r.s.Put(t, "Bot", []byte(mailOf(ann, "x", "move me", "m1@people.example", nil)), time.Now())
	r.hear("move me")
	r.Until("it is moved", func() bool {
		done, _ := r.s.Count(t, "Done")
		left, _ := r.s.Count(t, "Bot")
		return done == 1 && left == 0
	})
	r.s.Put(t, "Bot", []byte(mailOf(ann, "y", "me too", "m2@people.example", nil)), time.Now())
	r.hear("me too")
}

func TestRenumbered(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, nil)
	r.put(ann, "old", "never answer this", "old@people.example")
	r.run()
	r.put(ann, "x", "before", "m1@people.example")
	r.hear("before")
	r.Stop()
	// The folder is made anew, with the same mails and one more, in other places.
	if err := r.s.User.Delete("INBOX"); err != nil {
		t.Fatal(err)
	}
	if err := r.s.User.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	r.s.Put(t, "INBOX", []byte(mailOf(ann, "y", "came meanwhile", "m2@people.example", nil)), time.Now().Add(time.Second))
	r.s.Put(t, "INBOX", []byte(mailOf(ann, "old", "never answer this", "old@people.example", nil)), time.Now().Add(-3*time.Hour))
	r.s.Put(t, "INBOX", []byte(mailOf(ann, "x", "before", "m1@people.example", nil)), time.Now())
	r.open(channeltest.NewSecrets(good))
	r.run()
	r.hear("came meanwhile")
	r.put(ann, "z", "afterwards", "m3@people.example")
	r.hear("afterwards")
	if got := r.texts(); got != "x\n\nbefore|y\n\ncame meanwhile|z\n\nafterwards" {
		t.Errorf("heard %q", got)
	}
}

func TestLargeMail(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.AttachmentLimit = 1 })
	r.run()
	big := make([]byte, 3<<20)
	r.s.Put(t, "INBOX", []byte("Authentication-Results: "+emailtest.Trusted+"; dmarc=pass header.from=people.example\r\nFrom: "+ann+"\r\nMessage-ID: <big@people.example>\r\n"+
		multi("multipart/mixed", part("text/plain", "utf-8", "8bit", []byte("read the beginning")), attachment("big.pdf", big))), time.Now())
	m := r.hear("read the beginning")
	for _, a := range m.Attachments {
		if len(a.Data) > 1<<20 {
			t.Errorf("an attachment of %d bytes was taken", len(a.Data))
		}
	}
	if n := len(m.Attachments); n == 0 || m.Attachments[n-1].Note == "" {
		t.Error("nothing says that the mail was too large")
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	t.Parallel()
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.AuthServID = nil })
	r.run()
	r.put(ann, "x", "who am I", "m1@people.example")
	if m := r.hear("who am I"); m.From != "" {
		t.Errorf("it is from %q", m.From)
	}
	if s := r.Reports(); s[len(s)-1].State != status.Degraded || s[len(s)-1].Detail == "" {
		t.Errorf("the state says %+v; want what is missing", s[len(s)-1])
	}
	if _, unseen := r.s.Count(t, "INBOX"); unseen != 1 {
		t.Error("a stranger's mail was marked")
	}
}

// A backlog of many mails in a mailbox of very many: nothing is read twice, and memory stays small.
func TestHugeMailbox(t *testing.T) {
	t.Parallel()
	n, fresh := 50000, 1000
	if testing.Short() {
		n, fresh = 5000, 200
	}
	if underRace {
		fresh = 3 * window // the server goes through all its mails at every command
	}
	r := newRig(t, emailtest.Options{}, func(s *Settings) { s.MaxPerHour = 1 << 20 })
	r.Wait, r.ch.times.reply = 5*time.Minute, 5*time.Minute
	for i := range n {
		r.put(ann, "old", "old", nth("old%d@people.example", i))
	}
	start := time.Now()
	r.run()
	t.Logf("first start on %d mails: %v", n, time.Since(start))
	r.Stop()
	for i := range fresh {
		r.put(ann, "new", nth("fresh %d.", i), nth("new%d@people.example", i))
	}
	start = time.Now()
	r.run()
	r.hear(nth("fresh %d.", fresh-1))
	t.Logf("%d new ones: %v", fresh, time.Since(start))
	if n := len(r.Messages()); n != fresh {
		t.Errorf("heard %d messages; want %d", n, fresh)
	}
}
