package channeltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

func arrives(r *rig) {
	before := time.Now().Add(-time.Minute)
	m := r.hear(Line{Person: "ann", Text: "hello, bot 1"})
	if m.From == "" || m.ID == "" || m.Conversation == "" {
		r.t.Fatalf("from, id or conversation is missing: %+v", m)
	}
	if !m.Private || !m.Addressed || len(m.Places) != 0 {
		r.t.Errorf("a private message must be Private and Addressed and have no Places: %+v", m)
	}
	if m.Text != "hello, bot 1" || m.Press != "" || m.Edited {
		r.t.Errorf("got %+v; want the text as it was said", m)
	}
	if m.Time.Before(before) || m.Time.After(time.Now().Add(time.Minute)) {
		r.t.Errorf("its time is %v, far from now", m.Time)
	}
	m2 := r.hear(Line{Person: "ann", Text: "/model a/b \u00e9\U0001f600"})
	if m2.From != m.From || m2.Conversation != m.Conversation || m2.ID == m.ID {
		r.t.Errorf("the second message of the same person must have the same From and Conversation and another ID: %+v, %+v", m, m2)
	}
	m3 := r.hear(Line{Person: "bob", Text: "hello from bob"})
	if m3.From == m.From && r.has(People) || m3.Conversation == m.Conversation {
		r.t.Errorf("another person must have another From and private Conversation: %+v, %+v", m, m3)
	}
	if n := r.count("hello, bot 1"); n != 1 {
		r.t.Errorf("the message arrived %d times; want once", n)
	}
}

func group(r *rig) {
	m := r.hear(Line{Person: "ann", Text: "hello in the group", Group: true})
	if m.Private || !m.Addressed || len(m.Places) == 0 || m.From == "" {
		r.t.Errorf("a message in a group is not Private, is Addressed if it mentions the bot, and has Places: %+v", m)
	}
	if r.has(Privates) {
		p := r.hear(Line{Person: "ann", Text: "and privately"})
		if p.From != m.From || p.Conversation == m.Conversation {
			r.t.Errorf("a person is the same in a group and in private, the conversation is not: %+v, %+v", m, p)
		}
	}
	r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "hello all"})
	r.shown("bob", true, "the answer in the group", contains(r.h.Text("hello all")))
}

func refused(r *rig) {
	r.Refuse(2)
	r.h.Peer.Say(r.t, Line{Person: "ann", Text: "try me again", Group: !r.has(Privates)})
	r.arrived("try me again")
	r.hear(Line{Person: "ann", Text: "and then this", Group: !r.has(Privates)})
	if n := r.count("try me again"); n != 1 {
		r.t.Errorf("kept %d times; want once", n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls < 4 {
		r.t.Errorf("the handler was called %d times; want at least 4: twice refused, twice kept", r.calls)
	}
	var order []string
	for _, m := range r.got {
		order = append(order, m.Text)
	}
	if strings.Join(order, "|") != "try me again|and then this" {
		r.t.Errorf("order was %q", order)
	}
}

func repeated(r *rig) {
	r.hear(Line{Person: "ann", Text: "said once", Group: !r.has(Privates)})
	r.h.Peer.(Repeater).Repeat(r.t)
	r.hear(Line{Person: "ann", Text: "the next", Group: !r.has(Privates)})
	if n := r.count("said once"); n != 1 {
		r.t.Errorf("kept %d times; want once: its ID must be the same both times", n)
	}
}

func deaf(r *rig) {
	m := r.hear(r.line("first"))
	r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "my own words"})
	r.hear(r.line("second"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != 2 {
		r.t.Errorf("heard %+v; want only the person's two messages", r.got)
	}
}

func shows(r *rig) {
	m := r.hear(r.line("hello"))
	id := r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "a plain answer"})
	s := r.shown("ann", r.inGroup(), "the answer", contains(r.h.Text("a plain answer")))
	if len(s) != 1 || id == "" {
		r.t.Errorf("shown %+v with id %q; want one message and its id", s, id)
	}
	r.send(channels.Post{To: m.Conversation, Text: "un*closed `markup [and <b>tags & such"})
	r.shown("ann", r.inGroup(), "text with odd markup", func(s []Shown) bool { return len(s) == 2 })
}

func whole(r *rig) {
	m := r.hear(r.line("tell me all"))
	l := r.ch.Limits(m.Conversation)
	var b strings.Builder
	words := 0
	size := 9000
	if l.Parts > 0 {
		size = 600 // more parts than are allowed would rightly be cut
	}
	for b.Len() < size {
		words++
		fmt.Fprintf(&b, "w%d ", words)
		if words%40 == 0 {
			b.WriteString("\n\n")
		}
	}
	r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: strings.TrimSpace(b.String())})
	r.shown("ann", r.inGroup(), "the last word", func(s []Shown) bool {
		return len(s) > 0 && strings.Contains(join(s), fmt.Sprintf("w%d", words))
	})
	all := join(r.h.Peer.Shown(r.t, "ann", r.inGroup()))
	at := 0
	for i := 1; i <= words; i++ {
		n := strings.Index(all[at:], fmt.Sprintf("w%d", i))
		if n < 0 {
			r.t.Fatalf("word %d of %d is missing or out of order", i, words)
		}
		at += n
	}
}

func key(r *rig) {
	m := r.hear(r.line("hello"))
	p := channels.Post{To: m.Conversation, Answers: m.ID, Key: "turn-7.1", Text: "only once"}
	r.send(p)
	r.send(p)
	r.send(channels.Post{To: m.Conversation, Key: "turn-7.2", Text: "the end"})
	s := r.shown("ann", r.inGroup(), "the end", contains(r.h.Text("the end")))
	if n := strings.Count(join(s), r.h.Text("only once")); n != 1 {
		r.t.Errorf("shown %d times; want once: %+v", n, s)
	}
}

func only(r *rig) {
	m := r.hear(Line{Person: "ann", Text: "psst", Group: true})
	_, err := r.ch.Send(r.t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Only: m.From, Text: "for your eyes"})
	if !r.has(Onlys) && !errors.Is(err, errors.ErrUnsupported) {
		r.t.Errorf("Send with Only in a group gave %v; want errors.ErrUnsupported", err)
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		r.t.Errorf("Send with Only gave %v; want success or errors.ErrUnsupported", err)
	}
	if err == nil {
		r.shown("ann", true, "the private answer", contains(r.h.Text("for your eyes")))
	}
	r.send(channels.Post{To: m.Conversation, Text: "for all"})
	s := r.shown("bob", true, "the public answer", contains(r.h.Text("for all")))
	if strings.Contains(join(s), r.h.Text("for your eyes")) {
		r.t.Error("another person sees what was for one alone")
	}
}

func edit(r *rig) {
	m := r.hear(r.line("hello"))
	id := r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "first version"})
	e := r.ch.(channels.Editor)
	for range 2 { // the second changes nothing, which is no error
		if err := e.Edit(r.t.Context(), id, channels.Post{To: m.Conversation, Text: "second version"}); err != nil {
			r.t.Fatalf("Edit: %v", err)
		}
	}
	s := r.shown("ann", r.inGroup(), "the second version", contains(r.h.Text("second version")))
	if len(s) != 1 || strings.Contains(join(s), r.h.Text("first version")) {
		r.t.Errorf("shown %+v; want the second version alone", s)
	}
}

func remove(r *rig) {
	m := r.hear(r.line("hello"))
	d := r.ch.(channels.Deleter)
	id := r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "to be removed"})
	for range 2 { // the second finds nothing, which is no error
		if err := d.Delete(r.t.Context(), m.Conversation, id); err != nil {
			r.t.Fatalf("Delete of the bot's message: %v", err)
		}
	}
	r.shown("ann", r.inGroup(), "nothing", func(s []Shown) bool { return len(s) == 0 })
	er, ok := r.h.Peer.(Eraser)
	if !ok {
		return
	}
	err := d.Delete(r.t.Context(), m.Conversation, m.ID)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		r.t.Fatalf("Delete of a person's message: %v", err)
	}
	if exists := er.Exists(r.t, m.ID); exists != (err != nil) {
		r.t.Errorf("Delete of a person's message gave %v, and the message exists: %v", err, exists)
	}
}

func press(r *rig) {
	m := r.hear(r.line("let me choose"))
	id := r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "which one?", Choices: []channels.Choice{
		{Label: "Left", Press: "press-left_0"}, {Label: "Right", Press: "press-right_0"},
	}})
	s := r.shown("ann", r.inGroup(), "the buttons", func(s []Shown) bool { return len(s) == 1 && len(s[0].Buttons) == 2 })
	r.h.Peer.(Presser).Press(r.t, "ann", r.inGroup(), s[0], "Right")
	var got channels.Message
	r.until("the press arrives", func() bool {
		for _, m := range r.got {
			if m.Press != "" {
				got = m
				return true
			}
		}
		return false
	})
	if got.Press != "press-right_0" || got.From != m.From || got.Conversation != m.Conversation || got.Text != "" || got.Private != m.Private {
		r.t.Errorf("the press arrived as %+v; want press-right_0 from the person, there", got)
	}
	if got.Answers != id {
		r.t.Errorf("it answers %q; want the message that bears the button, %q", got.Answers, id)
	}
	if e, ok := r.ch.(channels.Editor); ok && r.has(Edits) {
		if err := e.Edit(r.t.Context(), id, channels.Post{To: m.Conversation, Text: "you chose right"}); err != nil {
			r.t.Fatalf("Edit: %v", err)
		}
		r.shown("ann", r.inGroup(), "no buttons", func(s []Shown) bool { return len(s) == 1 && len(s[0].Buttons) == 0 })
	}
}

func numbered(r *rig) {
	m := r.hear(r.line("let me choose"))
	if is := r.ch.Limits(m.Conversation).Numbered; is == r.has(Presses) {
		r.t.Fatalf("Limits says that choices are numbered lines: %v; the harness, that there are buttons: %v", is, r.has(Presses))
	} else if !is {
		return
	}
	r.send(channels.Post{To: m.Conversation, Answers: m.ID, Text: "which one?", Choices: []channels.Choice{
		{Label: "Left", Press: "press-left_0"}, {Label: "Read", URL: "https://example.com/read"}, {Label: "Right", Press: "press-right_0"},
	}})
	s := r.shown("ann", r.inGroup(), "the last choice", contains("Right"))
	rest := join(s)
	for _, text := range []string{"1", "Left", "2", "Read", "https://example.com/read", "3", "Right"} {
		_, after, found := strings.Cut(rest, text)
		if !found {
			r.t.Fatalf("%q is missing or out of order: %+v", text, s)
		}
		rest = after
	}
	if strings.Contains(join(s), "press-") {
		r.t.Error("what a choice sends back is shown")
	}
}

func ask(r *rig) {
	m := r.hear(r.line("log me in"))
	type answer struct {
		s   secret.String
		err error
	}
	asker, fake := r.ch.(channels.Asker), "fake-form-answer-0001"
	check := func(s string) error {
		if s != fake {
			return errors.New("that is not it")
		}
		return nil
	}
	step := login.Step{Text: "Your key, please.", Field: &login.Field{Name: "Key", Secret: true, Check: check}, Expires: time.Now().Add(time.Minute)}
	ctx, cancel := context.WithTimeout(r.t.Context(), r.h.Wait)
	defer cancel()
	got := make(chan answer, 1)
	go func() {
		s, err := asker.Ask(ctx, channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: step.Text}, step)
		got <- answer{s, err}
	}()
	f := r.h.Peer.(Filler)
	f.Fill(r.t, "ann", "something wrong")
	f.Fill(r.t, "ann", fake)
	a := <-got
	if a.err != nil || a.s.Reveal() != fake {
		r.t.Fatalf("Ask gave %v, the right answer: %v", a.err, a.s.Reveal() == fake)
	}
	r.hear(r.line("thanks"))
	for _, viewer := range []string{"ann", "bob"} {
		if strings.Contains(join(r.h.Peer.Shown(r.t, viewer, r.inGroup())), fake) {
			r.t.Error("the answer is shown")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		if strings.Contains(m.Text, fake) {
			r.t.Error("the answer arrived as a message")
		}
	}
	if strings.Contains(r.log.String(), fake) {
		r.t.Error("the answer was logged")
	}
	ended, end := context.WithCancel(r.t.Context())
	end()
	if _, err := asker.Ask(ended, channels.Post{To: m.Conversation, Only: m.From, Text: "again?"}, step); err == nil {
		r.t.Error("Ask with a context that has ended gave an answer")
	}
}

func direct(r *rig) {
	m := r.hear(r.line("hello"))
	c, err := r.ch.(channels.Director).Direct(r.t.Context(), m.From)
	if err != nil {
		r.t.Fatalf("Direct: %v", err)
	}
	if m.Private && c != m.Conversation {
		if _, err := r.ch.Send(r.t.Context(), channels.Post{To: c, Text: "to you"}); err != nil {
			r.t.Errorf("Send to the private way: %v", err)
		}
	}
	if c == "" {
		r.t.Error("Direct gave no conversation")
	}
}
