package discord

import (
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/discord/discordtest"
	"chatgateway/markdown"
)

// short makes what takes long in life take little in tests.
var short = times{tick: 20 * time.Millisecond, most: 200 * time.Millisecond, open: 5 * time.Second, grace: 3 * time.Second, silence: 10 * time.Second,
	stable: time.Minute, look: 50 * time.Millisecond, overlap: 10 * time.Second}

// service is Service with short times.
func service(t times) channels.Service {
	s := Service
	s.Open = func(o channels.Options) (channels.Channel, error) {
		ch, err := open(o)
		if err != nil {
			return nil, err
		}
		c := ch.(*channel)
		c.times, c.rest.tick, c.inbox.tick = t, t.tick, t.tick
		return c, nil
	}
	return s
}

func settings(s *discordtest.Server) *Settings {
	return &Settings{APIBase: s.URL, CDNBase: s.CDN, AttachmentLimit: 25}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		s := discordtest.New(t, discordtest.Options{})
		return channeltest.Harness{
			Service: service(short), Settings: settings(s), Peer: &peer{s: s},
			Secrets: map[string]string{"bot_token": discordtest.Token}, Bad: map[string]string{"bot_token": "WRONG-discord-token.for-tests.9999"},
			Text: markdown.Discord,
		}
	})
}

// peer drives the server as the suite wants it.
type peer struct {
	s *discordtest.Server
}

func (p *peer) place(group bool) string {
	if group {
		return p.s.Channel
	}
	return ""
}

// Say implements channeltest.Peer.
func (p *peer) Say(_ testing.TB, l channeltest.Line) {
	text := l.Text
	if l.Group {
		text = "<@" + p.s.Bot + "> " + text
	}
	p.s.Say(discordtest.Said{Person: l.Person, Text: text, Channel: p.place(l.Group)})
}

func (p *peer) see(viewer string, group bool) []discordtest.Shown {
	where := p.s.Channel
	if !group {
		where = p.s.Direct(viewer)
	}
	return p.s.See(viewer, where)
}

// Shown implements channeltest.Peer.
func (p *peer) Shown(_ testing.TB, viewer string, group bool) []channeltest.Shown {
	var out []channeltest.Shown
	for _, m := range p.see(viewer, group) {
		s := channeltest.Shown{ID: channels.MessageID(m.ID), Text: m.Text}
		for _, c := range m.Controls {
			s.Buttons = append(s.Buttons, c.Label)
		}
		out = append(out, s)
	}
	return out
}

// Cut implements channeltest.Cutter.
func (p *peer) Cut(testing.TB) { p.s.Cut() }

// Limit implements channeltest.Limiter.
func (p *peer) Limit(_ testing.TB, d time.Duration) { p.s.Limit(d) }

// Press implements channeltest.Presser.
func (p *peer) Press(t testing.TB, person string, group bool, s channeltest.Shown, label string) {
	t.Helper()
	if _, err := p.s.Press(person, p.place(group), string(s.ID), label); err != nil {
		t.Fatalf("press %q: %v", label, err)
	}
}

// Repeat implements channeltest.Repeater.
func (p *peer) Repeat(testing.TB) { p.s.Again("MESSAGE_CREATE") }

// Exists implements channeltest.Eraser.
func (p *peer) Exists(_ testing.TB, id channels.MessageID) bool { return p.s.Exists(string(id)) }

// Fill implements channeltest.Filler.
func (p *peer) Fill(t testing.TB, person, answer string) {
	t.Helper()
	channeltest.Until(t, "the form's button is shown", func() bool {
		for _, m := range p.see(person, false) {
			for _, c := range m.Controls {
				if strings.HasPrefix(c.Label, "Enter ") {
					form, err := p.s.Press(person, "", m.ID, c.Label)
					if err != nil {
						t.Fatalf("press: %v", err)
					}
					if _, err := p.s.Submit(person, form, answer); err != nil {
						t.Fatalf("submit: %v", err)
					}
					return true
				}
			}
		}
		return false
	})
}
