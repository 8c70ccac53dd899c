package discord

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"chatgateway/channels"
	"chatgateway/channels/discord/discordtest"
	"chatgateway/internal/status"
)

// TestParts: a long answer is cut at 2,000 with code blocks closed and opened again.
func TestParts(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("write code"), Channel: b.s.Channel})
	md := "Here:\n\n```go\n" + strings.Repeat("fmt.Println(\"a line of code\")\n", 200) + "```\n\nDone."
	id := b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: md})
	all := b.s.See("ann", b.s.Channel)
	lines := 0
	for n, s := range all {
		if utf8.RuneCountInString(s.Text) > 2000 || strings.Count(s.Text, "```")%2 != 0 {
			t.Errorf("part %d has %d characters and %d fences", n, utf8.RuneCountInString(s.Text), strings.Count(s.Text, "```"))
		}
		lines += strings.Count(s.Text, "a line of code")
		if (s.Reference == string(m.ID)) != (n == 0) {
			t.Errorf("part %d answers %q", n, s.Reference)
		}
	}
	if len(all) < 4 || lines != 200 || string(id) != all[len(all)-1].ID {
		t.Errorf("%d parts with %d lines", len(all), lines)
	}
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: strings.Repeat("long words ", 400)}); err != nil {
		t.Errorf("Edit: %v", err)
	}
	if n := len(b.s.See("ann", b.s.Channel)); n != len(all)+2 {
		t.Errorf("an edit that is too long for one message left %d, want %d", n, len(all)+2)
	}
}

// TestPartsFit: whatever a model writes, no message is too long, nor leaves a code block open.
func TestPartsFit(t *testing.T) {
	c := &channel{}
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"```go\n", "```", "`", "**", "\n\n", "| a | b |\n|--|--|\n", "> ", "- x\n", "@everyone ", "\U0001f600",
		strings.Repeat("long ", 300), strings.Repeat("x", 2500), strings.Repeat("*", 1500)}))
	rapid.Check(t, func(t *rapid.T) {
		md := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "md"), "")
		for n, p := range c.parts(channels.Post{Text: md}, outgoing{}) {
			if len(utf16.Encode([]rune(p.Content))) > messageMax || strings.TrimSpace(p.Content) == "" {
				t.Fatalf("part %d has %d characters", n, len(p.Content))
			}
			fences := 0
			for line := range strings.Lines(p.Content) {
				if strings.HasPrefix(strings.TrimLeft(line, "> "), "```") {
					fences++
				}
			}
			if fences%2 != 0 {
				t.Fatalf("part %d leaves a code block open:\n%s", n, p.Content)
			}
		}
	})
}

// TestPings: what a model writes notifies nobody.
func TestPings(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	text := "@everyone @here <@" + b.s.User("bob") + "> <@&" + b.s.BotRole + ">"
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("call all"), Channel: b.s.Channel})
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: text})
	_, m = b.slash("ann", b.s.Channel, "help")
	b.Send(channels.Post{To: m.Conversation, Answers: m.ID, Text: text})
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: text})
	for _, s := range b.s.See("ann", b.s.Channel) {
		if len(s.Pings) > 0 || !strings.Contains(s.Text, "@everyone") {
			t.Errorf("%q notifies %v", s.Text, s.Pings)
		}
	}
}

// TestRepeated: what can be repeated is, and shown once whatever happened to the answer.
func TestRepeated(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "hello"})
	direct := b.s.Direct("ann")
	for name, f := range map[string]discordtest.Fault{
		"502":                        {Status: 502, Body: "<html>bad gateway</html>"},
		"502 after it arrived":       {Status: 502, After: true},
		"cut":                        {},
		"cut after it arrived":       {After: true},
		"429":                        {Status: 429, Wait: 200 * time.Millisecond},
		"429 for all":                {Status: 429, Wait: 200 * time.Millisecond, Global: true},
		"429 of the front, a page":   {Status: 429, Body: "<html>slow down</html>", Wait: time.Second},
		"500 three times":            {Status: 500, Times: 3},
		"503 after it arrived twice": {Status: 503, Times: 2, After: true},
	} {
		f.Method, f.Path = "POST", "/messages"
		b.s.Fail(f)
		begun := time.Now()
		b.Send(channels.Post{To: m.Conversation, Text: name}) // without a Key too
		n := 0
		for _, s := range b.s.See("ann", direct) {
			if s.Text == name {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: shown %d times", name, n)
		}
		if f.Status == 429 && time.Since(begun) < f.Wait {
			t.Errorf("%s: waited %v, asked were %v", name, time.Since(begun), f.Wait)
		}
	}
	b.s.Fail(discordtest.Fault{Method: "POST", Path: "/messages", Status: 500, Body: `{"message": "secret ` + discordtest.Token + `"}`, Times: 20})
	_, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "never"})
	var told interface{ UserMessage() string }
	if err == nil || strings.Contains(err.Error(), discordtest.Token) || !errors.As(err, &told) {
		t.Errorf("Send gave %v", err)
	}
}

// TestBusy: what grows never waits, and leaves the last place to what must arrive.
func TestBusy(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{Limit: 5, Per: time.Second}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "hello"})
	id := b.Send(channels.Post{To: m.Conversation, Text: "grows", Partial: true})
	var busy *channels.Busy
	edits := 0
	for n := range 20 {
		err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: fmt.Sprintf("grows %d", n), Partial: true})
		if err == nil {
			edits++
		} else if !errors.As(err, &busy) || busy.After <= 0 || busy.After > time.Second {
			t.Fatalf("Edit gave %v", err)
		}
	}
	if edits < 3 || edits > 8 {
		t.Errorf("%d edits went through", edits)
	}
	begun := time.Now()
	for n := range 7 { // finals wait as long as it takes
		if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: fmt.Sprintf("final %d", n)}); err != nil {
			t.Fatalf("Edit: %v", err)
		}
	}
	if d := time.Since(begun); d < 200*time.Millisecond {
		t.Errorf("seven finals took %v", d)
	}
	if s := b.shows("ann", b.s.Direct("ann")); s.Text != "final 6" {
		t.Errorf("shown: %q", s.Text)
	}
	for _, r := range b.s.Requests("", "") {
		if r.Status == http.StatusTooManyRequests {
			t.Errorf("Discord had to refuse %s %s", r.Method, r.Path)
		}
	}
	b.s.Fail(discordtest.Fault{Method: "PATCH", Status: 503})
	if err := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "x", Partial: true}); err != nil && !errors.As(err, &busy) {
		t.Errorf("a partial edit in trouble gave %v; want *Busy", err)
	}
}

// TestContentRefused: what Discord will never take for what it holds says so; what is not about the text does not, nor does
// another request.
func TestContentRefused(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: "hello"})
	id := b.Send(channels.Post{To: m.Conversation, Text: "shown"})
	for code, never := range map[int]bool{50035: true, 50006: true, 20009: true, 200000: true, 240000: true, 50008: false, 241000: false} {
		b.s.Fail(discordtest.Fault{Method: "POST PATCH", Path: "/messages", Status: 400, Body: fmt.Sprintf(`{"code": %d, "message": "no"}`, code), Times: 2})
		_, send := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Text: "x"})
		edit := b.c.Edit(t.Context(), id, channels.Post{To: m.Conversation, Text: "x"})
		if send == nil || edit == nil || errors.Is(send, errors.ErrUnsupported) != never || errors.Is(edit, errors.ErrUnsupported) != never {
			t.Errorf("%d: Send gave %v, Edit %v; for good: %v", code, send, edit, never)
		}
	}
	b.s.Fail(discordtest.Fault{Path: "/commands", Status: 400, Body: `{"code": 50035, "message": "Invalid Form Body"}`, Times: -1})
	if err := b.c.SetMenu(t.Context(), menu()); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetMenu gave %v", err)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	m := b.says(discordtest.Said{Person: "ann", Text: b.at("hello"), Channel: b.s.Channel})
	other := b.s.NewChannel("other")
	try := func(name string, to channels.ConversationID, want error) {
		t.Helper()
		_, err := b.c.Send(t.Context(), channels.Post{To: to, Text: "anybody?"})
		if !errors.Is(err, want) {
			t.Errorf("%s: Send gave %v, want %v", name, err, want)
		}
	}
	b.s.Lack(b.s.Channel, "send", true)
	try("may not write", m.Conversation, channels.ErrSetup)
	b.s.Lack(b.s.Channel, "send", false)
	b.s.Lack(b.s.Channel, "manage", true)
	if err := b.c.Delete(t.Context(), m.Conversation, m.ID); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Delete without the permission gave %v", err)
	}
	b.s.Lack(b.s.Channel, "view", true)
	try("may not look", m.Conversation, channels.ErrGone)
	b.s.DeleteChannel(other)
	try("deleted", channels.ConversationID("ch:"+other), channels.ErrGone)
	try("nonsense", "nonsense", channels.ErrGone)
	direct, err := b.c.Direct(t.Context(), m.From)
	if err != nil {
		t.Fatal(err)
	}
	b.s.CloseDirect("ann")
	try("closed to direct messages", direct, channels.ErrGone)
	b.s.Kick()
	b.s.Lack(b.s.Channel, "view", false)
	try("kicked", m.Conversation, channels.ErrGone)
	if _, err := b.c.Direct(t.Context(), "nobody"); err == nil {
		t.Error("Direct to nobody gave no error")
	}
}

// TestNoTokenInErrors: an interaction's address holds its token, and a request's header the bot's.
func TestNoTokenInErrors(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil)
	b.setMenu(menu())
	b.start()
	i, m := b.slash("ann", b.s.Channel, "login")
	b.Send(channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "first"})
	var errs []error
	for _, f := range []discordtest.Fault{{}, {Status: 500, Body: "{}"}, {Status: 403, Body: `{"message": "no ` + discordtest.Token + `", "code": 1}`}} {
		f.Path, f.Times = "/webhooks/", 1
		b.s.Fail(f)
		_, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "more"})
		errs = append(errs, err)
	}
	b.s.Close()
	_, err := b.c.Send(t.Context(), channels.Post{To: m.Conversation, Only: m.From, Answers: m.ID, Text: "more"})
	errs = append(errs, err)
	_, err = b.c.Test(t.Context())
	errs = append(errs, err)
	for _, err := range errs {
		if err == nil || strings.Contains(err.Error(), i.Token[:20]) || strings.Contains(err.Error(), discordtest.Token[:8]) || strings.Contains(err.Error(), "http") {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestPermissionsComeBack: what may have changed what the bot may do is told, so that what failed is tried again.
func TestPermissionsComeBack(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	mended := func() (n int) {
		for _, r := range b.Reports() {
			if r.Mended && r.State == status.Connected {
				n++
			}
		}
		return n
	}
	for n, e := range []struct {
		kind string
		data map[string]any
	}{
		{"GUILD_ROLE_UPDATE", map[string]any{"guild_id": "1", "role": map[string]any{"id": "2"}}},
		{"CHANNEL_UPDATE", map[string]any{"id": "3", "guild_id": "1", "type": 0}},
		{"GUILD_MEMBER_UPDATE", map[string]any{"guild_id": "1", "roles": []string{"2"}}},
	} {
		b.s.Emit(e.kind, e.data)
		b.Until("it is told after "+e.kind, func() bool { return mended() == n+1 })
	}
}
