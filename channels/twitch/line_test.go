package twitch

import (
	"bufio"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	gempir "github.com/gempir/go-twitch-irc/v4"
	"pgregory.net/rapid"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
)

func TestParseLine(t *testing.T) {
	for s, want := range map[string]line{
		"PING :tmi.twitch.tv": {command: "PING", params: []string{"tmi.twitch.tv"}},
		`@a=1;b=x\sy\:z\\s\n;c;d=\ :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :hello :there`: {
			tags: map[string]string{"a": "1", "b": "x y;z\\s\n", "c": "", "d": ""}, nick: "ann", command: "PRIVMSG", params: []string{"#room", "hello :there"}},
		":tmi.twitch.tv CAP * ACK :twitch.tv/tags": {nick: "tmi.twitch.tv", command: "CAP", params: []string{"*", "ACK", "twitch.tv/tags"}},
		":x 001  me  :": {nick: "x", command: "001", params: []string{"me", ""}},
		"PRIVMSG":       {command: "PRIVMSG"},
	} {
		if got, ok := parseLine(s); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q was read as %+v (%v); want %+v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", " ", "@", "@a=b", ":x", "@a :x", "@a :x "} {
		if l, ok := parseLine(s); ok {
			t.Errorf("%q was read as %+v; want nothing", s, l)
		}
	}
}

// TestSameAsLibrary: on lines that Twitch sends, a library that we did not write reads the same.
func TestSameAsLibrary(t *testing.T) {
	for _, s := range corpus {
		l, _ := parseLine(s)
		if !strings.Contains(s, ".tmi.twitch.tv PRIVMSG") || strings.Contains(s, `\`) || len(l.params) != 2 || strings.Contains(s, "\x01") {
			continue
		}
		m, ok := gempir.ParseMessage(s).(*gempir.PrivateMessage)
		if !ok || m.User.ID != l.tags["user-id"] || "#"+m.Channel != l.params[0] || m.Message != l.params[1] || m.ID != l.tags["id"] || m.User.Name != l.nick {
			t.Errorf("%q: the library reads %+v, we read %+v", s, m, l)
		}
	}
}

func TestLineReader(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		defer b.Close()
		for _, s := range []string{"one\r", "\ntw", "o\r\n", strings.Repeat("x", maxLine), strings.Repeat("y", maxLine), "\r\n\nthree\n", "half"} {
			if _, err := b.Write([]byte(s)); err != nil {
				return
			}
		}
	}()
	r := lineReader{r: bufio.NewReaderSize(a, 64)}
	for _, want := range []string{"one", "two", "long", "", "three"} {
		got, err := r.read()
		if want == "long" {
			if !errors.Is(err, errLong) {
				t.Errorf("a long line gave %q, %v", got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	if _, err := r.read(); err == nil {
		t.Error("half a line was read")
	}
}

// TestOneLineOnTheWire: whatever went wrong before, a line is one line.
func TestOneLineOnTheWire(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		defer b.Close()
		_ = (&session{conn: b}).send("PRIVMSG #room :x\r\nQUIT\x00", "PONG :y\nz")
	}()
	if got, err := io.ReadAll(a); err != nil || string(got) != "PRIVMSG #room :x  QUIT \r\nPONG :y z\r\n" {
		t.Errorf("sent %q, %v", got, err)
	}
}

func testChannel(t testing.TB) *channel {
	t.Helper()
	ch, err := open(channels.Options{Account: "twitch", Secrets: channeltest.NewSecrets(map[string]string{"token": "faketoken"}),
		Settings: &Settings{ChannelName: "room", Prefix: "!", Parts: 2}})
	if err != nil {
		t.Fatal(err)
	}
	c := ch.(*channel)
	c.me = self{"1", "gateway_bot", "Gateway_Bot"}
	_ = c.SetMenu(t.Context(), []channels.Command{{Name: "login"}, {Name: "help"}})
	return c
}

// TestLines: whatever Markdown comes, what is sent is one line within the limit that nobody takes for a command.
func TestLines(t *testing.T) {
	c := testChannel(t)
	rapid.Check(t, func(t *rapid.T) {
		md := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("/.!\\ \r\n\x00\u200b\u2028`*#>|-ab😀é\U000E0000\u00ad")))).Draw(t, "md")
		parts := c.parts(channels.Post{Text: strings.Repeat(md, rapid.IntRange(1, 60).Draw(t, "times"))})
		if len(parts) < 1 || len(parts) > 2 {
			t.Fatalf("%d parts", len(parts))
		}
		for _, p := range parts {
			if strings.ContainsFunc(p, unicode.IsControl) || !utf8.ValidString(p) || oneLine(p) != p {
				t.Fatalf("%q is not one line", p)
			}
			if n := utf8.RuneCountInString(p); n > maxText+len([]rune(guard)) {
				t.Fatalf("%d characters", n)
			}
			if p == "" || strings.ContainsRune(`/.!\ `, rune(p[0])) {
				t.Fatalf("%q begins like a command", p)
			}
		}
	})
}

var corpus = []string{
	"PING :tmi.twitch.tv", ":tmi.twitch.tv RECONNECT", "PRIVMSG", "@badges=x PRIVMSG #room :b", "@emotes=25:0-4 :a!a@a PRIVMSG #room :", "NOTICE", "USERSTATE",
	":tmi.twitch.tv NOTICE * :Login authentication failed",
	"@msg-id=msg_slowmode :tmi.twitch.tv NOTICE #room :This room is in slow mode and you are sending messages too quickly. You will be able to talk again in 7 seconds.",
	"@room-id=1;target-user-id=1;ban-duration=60 :tmi.twitch.tv CLEARCHAT #room :gateway_bot", "@slow=10;room-id=1 :tmi.twitch.tv ROOMSTATE #room",
	"@badges=moderator/1;mod=1;id=a-b;client-nonce=x :tmi.twitch.tv USERSTATE #room", ":tmi.twitch.tv 403 gateway_bot #room :No such channel",
	"@badge-info=subscriber/8;badges=subscriber/6,bits/100;color=#0D4200;display-name=Ann;emotes=25:0-4,12-16/1902:6-10;first-msg=0;flags=;id=b34ccfc7-4977-403a-8a94-33c6bac34fb8;mod=0;returning-chatter=0;room-id=1337;subscriber=1;tmi-sent-ts=1507246572675;turbo=1;user-id=4711;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :Kappa Keepo Kappa",
	"@display-name=Ann;id=1;reply-parent-msg-id=2;reply-parent-user-id=1;user-id=4711 :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :@Gateway_Bot thanks",
	"@display-name=Ann;id=3;user-id=4711 :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :!login anthropic",
	"@id=4;user-id=4711 :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :\x01ACTION greets @gateway_bot\x01",
	"@id=5;user-id=4711;source-room-id=2;room-id=1 :ann!ann@ann.tmi.twitch.tv PRIVMSG #room :!ask x", "@id=6;user-id=1'-- :x PRIVMSG #ROOM :@gateway_bot \xff\xfe\x00",
	"@tmi-sent-ts=99999999999999999999;user-id= :PRIVMSG PRIVMSG #room :!ask", ":a!b@c PRIVMSG #room,#other :@gateway_bot x", "@=;;=;a==b : : :",
}

// FuzzLine: whatever a server sends, nothing breaks, and what is made of it can be trusted.
func FuzzLine(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := testChannel(t)
		end := time.Now().Add(time.Second)
		for text := range strings.SplitSeq(s, "\n") {
			l, ok := parseLine(strings.TrimRight(text, "\r"))
			if !ok {
				continue
			}
			sess := &session{c: c, states: len(s)%2 == 0, tags: true, over: make(chan struct{}), probes: map[string]chan struct{}{}}
			c.now, c.settled = sess, true
			if err := c.handle(sess, l); err != nil && !errors.Is(err, errReconnect) {
				t.Fatalf("%q gave %v", text, err)
			}
		}
		for _, m := range c.in.next() {
			room, person, err := parseConversation(m.Conversation)
			if err != nil || room != "room" || person == "" || m.ID == "" || m.Private {
				t.Fatalf("%+v: %v", m, err)
			}
			if m.From != "" && !idShape.MatchString(string(m.From)) || m.From == "1" {
				t.Fatalf("From is %q", m.From)
			}
			if strings.ContainsFunc(m.Text, unicode.IsControl) || !utf8.ValidString(m.Text) || m.Text == "" {
				t.Fatalf("Text is %q", m.Text)
			}
			if !slices.Equal(m.Places, []channels.PlaceID{"room"}) || m.Time.Year() < 1970 {
				t.Fatalf("%+v", m)
			}
		}
		if time.Now().After(end) {
			t.Fatal("it took more than a second")
		}
	})
}
