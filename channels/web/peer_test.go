package web

import (
	"net/http"
	"slices"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
)

// peer is the page as package channeltest drives it.
type peer struct {
	page   *Channel
	people map[string]*visitor
	last   *visitor
}

func (p *peer) person(t testing.TB, name string) *visitor {
	t.Helper()
	if p.people[name] == nil {
		<-p.page.Ready()
		p.people[name] = visit(t, p.page, channels.UserID(name), channels.ConversationID(name+"conversation"))
	}
	return p.people[name]
}

func (p *peer) Say(t testing.TB, l channeltest.Line) {
	p.last = p.person(t, l.Person)
	p.last.say(t, l.Text)
}

func (p *peer) Shown(t testing.TB, viewer string, _ bool) (out []channeltest.Shown) {
	for _, m := range p.person(t, viewer).shown() {
		if m.Mine {
			continue
		}
		s := channeltest.Shown{ID: m.ID, Text: m.Text}
		for _, c := range m.Choices {
			s.Buttons = append(s.Buttons, c.Label)
		}
		out = append(out, s)
	}
	return out
}

func (p *peer) Cut(testing.TB) {
	for _, v := range p.people {
		v.mu.Lock()
		v.cut()
		v.mu.Unlock()
		v.tr.CloseIdleConnections()
	}
}

func (p *peer) Press(t testing.TB, person string, _ bool, s channeltest.Shown, label string) {
	v := p.person(t, person)
	v.mu.Lock()
	m := v.have[s.ID]
	v.mu.Unlock()
	i := slices.IndexFunc(m.Choices, func(c choice) bool { return c.Label == label })
	v.want(t, 200, v.do(t, "POST", v.base+"/press", said{Conversation: v.conv, ID: "press-0001", Message: s.ID, Press: m.Choices[i].Press}), nil)
}

func (p *peer) Repeat(t testing.TB) { p.last.send(t, p.last.last) }

func (p *peer) Exists(t testing.TB, id channels.MessageID) bool {
	for _, v := range p.people {
		if err := v.page.book.hold(v.page.book.talks[v.conv]); err != nil {
			t.Fatal(err)
		}
		_, ok := v.page.book.talks[v.conv].byID[id]
		v.page.book.mu.Unlock()
		if ok {
			return true
		}
	}
	return false
}

func (p *peer) Fill(t testing.TB, person, answer string) {
	v := p.person(t, person)
	v.until(t, "the form is shown", func() bool { return len(v.forms) == 1 })
	v.mu.Lock()
	id := v.forms[0].ID
	v.mu.Unlock()
	resp := v.do(t, "POST", v.base+"/forms/"+id, map[string]string{"answer": answer})
	_ = resp.Body.Close()
	if resp.StatusCode != 200 && resp.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("the form gave %s", resp.Status)
	}
}

func TestChannel(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		p := &peer{people: map[string]*visitor{}}
		s := Service
		s.Open = func(o channels.Options) (channels.Channel, error) {
			c, err := open(o)
			if err == nil {
				p.page = c.(*Channel)
			}
			return c, err
		}
		return channeltest.Harness{
			Service: s, Settings: &Settings{Listen: "127.0.0.1:0", Home: t.TempDir()}, Peer: p,
			Without: []string{channeltest.Groups, channeltest.LimitsOf, channeltest.Onlys, channeltest.Rejects},
		}
	})
}
