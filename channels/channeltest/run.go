package channeltest

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"chatgateway/channels"
	"chatgateway/internal/status"
)

// Run checks the promises of package channels on the channel that make sets up, anew for every check.
func Run(t *testing.T, make func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range []struct {
		name  string
		needs string
		check func(*rig)
	}{
		{"arrives once, from whom and where", Privates, arrives},
		{"group messages say so", Groups, group},
		{"what the handler refused comes again", Redeliver, refused},
		{"delivered twice, taken once", Repeats, repeated},
		{"the bot does not hear itself", "", deaf},
		{"what is sent is shown", "", shows},
		{"the longest text arrives whole", "", whole},
		{"one key, one message", Keys, key},
		{"Only is never public", Groups, only},
		{"edit", Edits, edit},
		{"delete", Deletes, remove},
		{"buttons", Presses, press},
		{"choices without buttons", "", numbered},
		{"a form for a secret", Asks, ask},
		{"private ways", Directs, direct},
		{"rate limits", LimitsOf, limit},
		{"many senders at once", "", many},
		{"a lost connection", Cuts, cut},
		{"runs again, leaves nothing behind", "", again},
		{"limits", "", fits},
		{"abilities", "", abilities},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := make(t)
			r := open(t, h, h.Secrets)
			if c.needs != "" && !r.has(c.needs) {
				t.Logf("%s has no %s", h.Service.Name, c.needs)
				return
			}
			r.run()
			c.check(r)
		})
	}
	t.Run("wrong credentials", func(t *testing.T) {
		h := make(t)
		if len(h.Bad) > 0 {
			rejected(t, h)
		} else if r := open(t, h, h.Secrets); r.has(Rejects) {
			t.Fatal("the harness has no bad secrets and does not say that there are none")
		}
	})
}

func limit(r *rig) {
	m := r.hear(r.line("hello"))
	lim := r.h.Peer.(Limiter)
	lim.Limit(r.t, time.Second)
	start := time.Now()
	r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "a final answer"})
	if d := time.Since(start); d < 900*time.Millisecond {
		r.t.Errorf("a final post waited %v; the service asked for a second", d)
	}
	s := r.shown("ann", r.inGroup(), "the final answer", contains(r.h.Text("a final answer")))
	if n := strings.Count(join(s), r.h.Text("a final answer")); n != 1 {
		r.t.Errorf("shown %d times", n)
	}
	e, ok := r.ch.(channels.Editor)
	if !ok || !r.has(Edits) {
		return
	}
	id := r.send(channels.Post{To: m.Conversation, Text: "grows", Partial: true})
	lim.Limit(r.t, 2*time.Second)
	var busy *channels.Busy
	err := e.Edit(r.t.Context(), id, channels.Post{To: m.Conversation, Text: "grows and", Partial: true})
	if !errors.As(err, &busy) || busy.After <= 0 || busy.After > 10*time.Second {
		r.t.Errorf("a partial edit gave %v; want *Busy with its time", err)
	}
}

func many(r *rig) {
	m := r.hear(r.line("hello"))
	var wg sync.WaitGroup
	n := 12
	if l := r.ch.Limits(m.Conversation); l.Parts > 0 {
		n = 4
	}
	for i := range n {
		wg.Go(func() {
			if _, err := r.ch.Send(r.t.Context(), channels.Post{To: m.Conversation, Key: fmt.Sprintf("k%d", i), Text: fmt.Sprintf("number %d.", i)}); err != nil {
				r.t.Errorf("Send %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	all := join(r.shown("ann", r.inGroup(), "all of them", func(s []Shown) bool { return len(s) >= n }))
	for i := range n {
		if c := strings.Count(all, r.h.Text(fmt.Sprintf("number %d.", i))); c != 1 {
			r.t.Errorf("number %d is shown %d times", i, c)
		}
	}
}

func cut(r *rig) {
	m := r.hear(r.line("before"))
	r.h.Peer.(Cutter).Cut(r.t)
	// It mends by itself, or Run returns, sooner or later, and is called again.
	for tries := 0; ; tries++ {
		r.h.Peer.Say(r.t, r.line("after"))
		ended, err := r.wait("the message after arrives", func() bool {
			return slices.ContainsFunc(r.got, func(m channels.Message) bool { return strings.TrimSpace(m.Text) == "after" })
		})
		if !ended {
			break
		}
		if tries == 3 || err == nil || errors.Is(err, channels.ErrRejected) || errors.Is(err, channels.ErrSetup) {
			r.t.Fatalf("after a cut Run returned %v; want an error worth another try, and once", err)
		}
		r.cancel()
		r.cancel = nil
		r.run()
	}
	r.send(channels.Post{To: m.Conversation, Text: "still here"})
	r.shown("ann", r.inGroup(), "an answer after the cut", contains(r.h.Text("still here")))
}

func again(r *rig) {
	r.hear(r.line("one"))
	r.Stop()
	r.run()
	r.hear(r.line("two"))
	r.Stop()
	deadline := time.Now().Add(r.h.Wait)
	for left := r.left(); len(left) > 0; left = r.left() {
		if time.Now().After(deadline) {
			r.t.Fatalf("goroutines are left behind:\n%s", strings.Join(left, "\n\n"))
		}
		<-time.After(5 * time.Millisecond)
	}
	if r.count("one") != 1 || r.count("two") != 1 {
		r.t.Errorf("kept %d and %d times; want once each", r.count("one"), r.count("two"))
	}
}

// runLabel marks the goroutines that Run started, and those that they did: tests that run beside this one have others.
const runLabel = "channeltest"

// left gives the goroutines of this test's Run whose stack goes through an adapter of ours.
func (r *rig) left() (list []string) {
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		r.t.Fatal(err)
	}
	label := fmt.Sprintf("%q:%q", runLabel, r.t.Name())
	for g := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(g, label) && strings.Contains(g, "chatgateway/channels/") && !strings.Contains(g, "chatgateway/channels/channeltest") {
			list = append(list, g)
		}
	}
	return list
}

func fits(r *rig) {
	m := r.hear(r.line("hello"))
	l := r.ch.Limits(m.Conversation)
	if l.Fit == nil {
		return
	}
	for _, s := range []string{"", "a", "short", "\u00e9", "\U0001f600", strings.Repeat("\U0001f600", 9000), strings.Repeat("word ", 9000),
		"```go\n" + strings.Repeat("x := 1\n", 3000) + "```", strings.Repeat("a", 50000), strings.Repeat("| a | b |\n", 2000)} {
		n := l.Fit(s)
		switch {
		case n < 0 || n > len(s):
			r.t.Errorf("Fit of %d bytes gave %d", len(s), n)
		case n == 0 && s != "":
			r.t.Errorf("Fit of %d bytes gave 0", len(s))
		case n < len(s) && !utf8.RuneStart(s[n]):
			r.t.Errorf("Fit cuts inside a rune at %d", n)
		case len(s) < 100 && n != len(s):
			r.t.Errorf("Fit of %q gave %d", s, n)
		}
	}
}

func abilities(r *rig) {
	for name, has := range map[string]bool{
		Edits: is[channels.Editor](r.ch), Deletes: is[channels.Deleter](r.ch), Asks: is[channels.Asker](r.ch),
		Typing: is[channels.Typist](r.ch), Directs: is[channels.Director](r.ch),
	} {
		if has != r.has(name) {
			r.t.Errorf("the channel has the ability %s: %v; the harness says %v", name, has, r.has(name))
		}
	}
	for name, has := range map[string]bool{
		Presses: is[Presser](r.h.Peer), LimitsOf: is[Limiter](r.h.Peer), Cuts: is[Cutter](r.h.Peer), Repeats: is[Repeater](r.h.Peer),
		Asks: is[Filler](r.h.Peer),
	} {
		if r.has(name) && !has {
			r.t.Errorf("the peer cannot do %s, and the harness does not say so", name)
		}
	}
	m := r.hear(r.line("hello"))
	if ty, ok := r.ch.(channels.Typist); ok {
		if err := ty.Typing(r.t.Context(), m.Conversation); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			r.t.Errorf("Typing: %v", err)
		}
	}
	if ms, ok := r.ch.(channels.MenuSetter); ok {
		menu := []channels.Command{{Name: "help", Help: "Lists the commands"}, {Name: "login", Help: "Logs in", Private: true, Owner: true,
			Args: []channels.Arg{{Name: "provider", Help: "Which one", Optional: true}}}}
		if err := ms.SetMenu(r.t.Context(), menu); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			r.t.Errorf("SetMenu: %v", err)
		}
	}
	_, err := r.ch.Send(r.t.Context(), channels.Post{To: "no-such-conversation", Text: "anybody?"})
	if err == nil {
		r.t.Error("Send to a conversation that does not exist gave no error")
	} else {
		r.leaks("the error of Send", err.Error())
	}
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

func rejected(t *testing.T, h Harness) {
	r := open(t, h, h.Bad)
	ctx, cancel := context.WithTimeout(t.Context(), r.h.Wait)
	defer cancel()
	err := r.ch.Run(ctx, r.Handle)
	if !errors.Is(err, channels.ErrRejected) {
		t.Fatalf("Run with wrong credentials gave %v; want ErrRejected", err)
	}
	r.leaks("the error", err.Error())
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.reports {
		if s.State == status.Connected {
			t.Error("it reported to be connected")
		}
	}
}

// inGroup says where the suite talks: in private, unless the service has no private conversations.
func (r *rig) inGroup() bool { return !r.has(Privates) }

func (r *rig) line(text string) Line { return Line{Person: "ann", Text: text, Group: r.inGroup()} }

func contains(text string) func([]Shown) bool {
	return func(s []Shown) bool { return strings.Contains(join(s), text) }
}

func join(s []Shown) string {
	var b strings.Builder
	for _, m := range s {
		b.WriteString(m.Text)
		b.WriteString("\n")
	}
	return b.String()
}
