package slack

import (
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/slack/slacktest"
	"chatgateway/markdown"
)

// short makes what takes long in life take little in tests.
var short = times{tick: 10 * time.Millisecond, most: 100 * time.Millisecond, hello: 2 * time.Second, ping: time.Second, silence: 5 * time.Second,
	grace: 300 * time.Millisecond, probe: time.Minute, gap: 200 * time.Millisecond, ahead: 5 * time.Second, overlap: 10 * time.Second}

// service is Service with short times.
func service(t times) channels.Service {
	s := Service
	s.Open = func(o channels.Options) (channels.Channel, error) {
		ch, err := open(o)
		if err != nil {
			return nil, err
		}
		ch.(*channel).times = t
		return ch, nil
	}
	return s
}

func settings(s *slacktest.Server) *Settings {
	set := Service.Settings().(*Settings)
	set.APIBase = s.URL
	return set
}

func secrets() map[string]string {
	return map[string]string{"bot_token": slacktest.BotToken, "app_token": slacktest.AppToken}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		s := slacktest.New(t, slacktest.Options{})
		return channeltest.Harness{
			Service: service(short), Settings: settings(s), Peer: &peer{s: s}, Secrets: secrets(),
			Bad:  map[string]string{"bot_token": "xoxb-WRONG-9999-token", "app_token": "xapp-1-A0FAKE-9999-WRONG"},
			Text: markdown.Slack,
		}
	})
}

// peer drives the server as the suite wants it.
type peer struct {
	s *slacktest.Server
}

func (p *peer) place(group bool) string {
	if group {
		return p.s.Channel
	}
	return ""
}

// Say implements channeltest.Peer.
func (p *peer) Say(_ testing.TB, l channeltest.Line) {
	text := slackText.Replace(l.Text)
	if l.Group {
		text = "<@" + slacktest.BotUser + "> " + text
	}
	p.s.Say(slacktest.Said{Person: l.Person, Text: text, Channel: p.place(l.Group)})
}

// slackText writes a text as Slack does.
var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (p *peer) see(viewer string, group bool) []slacktest.Shown {
	return p.s.See(viewer, p.place(group))
}

// Shown implements channeltest.Peer.
func (p *peer) Shown(_ testing.TB, viewer string, group bool) []channeltest.Shown {
	var out []channeltest.Shown
	for _, m := range p.see(viewer, group) {
		s := channeltest.Shown{ID: channels.MessageID(m.TS), Text: m.Text}
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
func (p *peer) Repeat(testing.TB) { p.s.Again() }

// Exists implements channeltest.Eraser.
func (p *peer) Exists(_ testing.TB, id channels.MessageID) bool { return p.s.Exists(string(id)) }

// Fill implements channeltest.Filler.
func (p *peer) Fill(t testing.TB, person, answer string) {
	t.Helper()
	fill(t, p.s, person, "", answer)
}

// fill presses the button of a form, fills it in, and gives what is said to be wrong.
func fill(t testing.TB, s *slacktest.Server, person, channel, answer string) (wrong map[string]string) {
	t.Helper()
	f := openForm(t, s, person, channel)
	wrong, err := s.Submit(person, f, answer)
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return wrong
}

// openForm presses the button that opens a form.
func openForm(t testing.TB, s *slacktest.Server, person, channel string) (f *slacktest.Form) {
	t.Helper()
	var trigger string
	channeltest.Until(t, "the form's button is shown", func() bool {
		for _, m := range s.See(person, channel) {
			for _, c := range m.Controls {
				if strings.HasPrefix(c.Label, "Enter ") {
					var err error
					if trigger, err = s.Press(person, channel, m.TS, c.Label); err != nil {
						t.Fatalf("press: %v", err)
					}
					return true
				}
			}
		}
		return false
	})
	channeltest.Until(t, "the form is opened", func() bool { f = s.Form(trigger); return f != nil })
	return f
}
