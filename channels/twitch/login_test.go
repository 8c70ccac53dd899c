package twitch_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

func secrets(values map[string]string) map[string]secret.String {
	m := map[string]secret.String{}
	for k, v := range values {
		m[k] = secret.New(v)
	}
	return m
}

// person answers the prompts of a sign-in.
type person struct {
	client string
	see    func(code string) // called when a code is shown
	steps  []login.Step
}

func (p *person) Prompt(_ context.Context, s login.Step) (secret.String, error) {
	p.steps = append(p.steps, s)
	if s.Field != nil {
		if err := s.Field.Check(p.client); err != nil {
			return secret.String{}, err
		}
		return secret.New(p.client), nil
	}
	if s.Code != "" {
		p.see(s.Code)
	}
	return secret.String{}, nil
}

func TestLogin(t *testing.T) {
	for name, c := range map[string]struct {
		as   string // who enters the code; "": nobody, "-": refused
		nick string
		want error
	}{
		"works": {as: "gateway_bot", nick: "Gateway_Bot"}, "somebody else": {as: "ann", nick: "gateway_bot", want: errAny},
		"refused": {as: "-", want: login.ErrCanceled}, "nobody": {want: login.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := twitchtest.New()
				s.Clients["fakeclient0000"] = ""
				store := channeltest.NewSecrets(nil)
				p := &person{client: "fakeclient0000"}
				p.see = func(code string) {
					if c.as != "" {
						time.AfterFunc(20*time.Second, func() {
							var u *twitchtest.User
							if c.as != "-" {
								u = s.AddUser(c.as)
							}
							s.Enter(code, u)
						})
					}
				}
				err := twitch.Service.Login(t.Context(), channels.Options{Account: "twitch", Secrets: store, Client: &http.Client{Transport: s},
					Settings: &twitch.Settings{ChannelName: "streamer", Nick: c.nick, APIBase: "https://twitch.invalid"}}, p)
				kept := store.Secret("token").Reveal()
				if c.want == nil && (err != nil || !strings.HasPrefix(kept, "fakeaccess") || store.Secret("refresh_token").Empty() || store.Secret("client_id").Reveal() != "fakeclient0000") {
					t.Errorf("Login gave %v, and did not store everything", err)
				}
				if c.want != nil && (err == nil || kept != "" || !errors.Is(c.want, errAny) && !errors.Is(err, c.want)) {
					t.Errorf("Login gave %v; want %v and nothing stored", err, c.want)
				}
				if last := p.steps[len(p.steps)-1]; !last.Done {
					t.Errorf("the code is left standing: %+v", last)
				}
			})
		})
	}
}

var errAny = errors.New("any error")

func TestTest(t *testing.T) {
	bubble(t, twitch.Settings{Channels: []string{"second", "banned"}}, func(r *rig) {
		r.s.AddRoom("second").Mods = []string{"gateway_bot"}
		r.s.AddRoom("banned").Banned = []string{"gateway_bot"}
		r.token.Expires = time.Now().Add(100 * time.Hour)
	}, func(t *testing.T, r *rig) {
		lines, err := r.ch.(channels.Tester).Test(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(lines, "\n")
		for _, want := range []string{"belongs to gateway_bot (", "chat:read and chat:edit", "expires in 100 hours and cannot renew itself",
			"In #streamer it is no moderator", "In #second it is a moderator", "banned from #banned",
			"The broadcaster of #streamer has the user id " + r.room.ID} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is missing in:\n%s", want, all)
			}
		}
		send := r.ch.(interface {
			SendTest(context.Context, string) error
		})
		if err := send.SendTest(t.Context(), "#Streamer"); err != nil || len(r.shown()) != 1 {
			t.Errorf("SendTest gave %v, shown %q", err, r.shown())
		}
		if err := send.SendTest(t.Context(), "elsewhere"); err == nil || !strings.Contains(sentence(err), "no room of the settings") {
			t.Errorf("SendTest gave %v", err)
		}
		r.token.Scopes = []string{"chat:read"}
		if _, err := r.ch.(channels.Tester).Test(t.Context()); !errors.Is(err, channels.ErrRejected) || !strings.Contains(sentence(err), "chat:edit") {
			t.Errorf("Test gave %v", err)
		}
	})
}
