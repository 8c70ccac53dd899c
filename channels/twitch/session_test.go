package twitch_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
	"chatgateway/internal/status"
)

func TestReconnect(t *testing.T) {
	bubble(t, twitch.Settings{Channels: []string{"#Second", "streamer"}}, func(r *rig) { r.s.AddRoom("second") }, func(t *testing.T, r *rig) {
		r.run()
		r.Want(status.Connected, "")
		for name, fault := range map[string]func(){
			"RECONNECT": r.s.Reconnect, "a cut": r.s.Cut,
			"ERROR": func() { r.s.Raw("ERROR :Closing Link") },
		} {
			logins := r.s.Logins()
			fault()
			r.pass(10 * time.Second)
			r.Want(status.Connected, "")
			if n := r.s.Logins() - logins; n != 1 {
				t.Errorf("after %s it logged in %d times; want once", name, n)
			}
			r.ask("after " + name)
		}
		joined := r.s.Joined()
		slices.Sort(joined)
		if got := strings.Join(joined, " "); got != "second second second second streamer streamer streamer streamer" {
			t.Errorf("joined %s", got)
		}
		r.s.Raw("PING :tmi.twitch.tv")
		r.pass(time.Second)
		if !slices.Contains(r.s.Lines(), "PONG :tmi.twitch.tv") {
			t.Error("a PING was not answered")
		}
	})
}

// TestSilence: a server that says nothing more, and closes nothing, is found out.
func TestSilence(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		r.s.Mute(true)
		r.pass(80 * time.Second)
		r.Want(status.Connecting, "no sign of life")
		r.s.Mute(false)
		r.pass(2 * time.Minute)
		r.Want(status.Connected, "")
		r.ask("are you back")
		r.pass(30 * time.Minute) // a quiet room is no dead one
		if n := r.s.Logins(); n > 3 {
			t.Errorf("it logged in %d times", n)
		}
	})
}

// TestNoStorm: a server that drops every connection is not run into all the time.
func TestNoStorm(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.run()
		for range 600 {
			r.s.Cut()
			r.pass(100 * time.Millisecond)
		}
		if n := r.s.Logins(); n > 12 || n < 3 {
			t.Errorf("it logged in %d times in a minute", n)
		}
		r.pass(2 * time.Minute)
		r.Want(status.Connected, "")
	})
}

func TestRooms(t *testing.T) {
	set := twitch.Settings{Channels: []string{"gone", "banned", "misspelt"}}
	bubble(t, set, func(r *rig) {
		r.s.AddRoom("gone").Suspended = true
		r.s.AddRoom("banned").Banned = []string{"gateway_bot"}
	}, func(t *testing.T, r *rig) {
		r.run()
		r.pass(20 * time.Second)
		for _, want := range []string{"#gone is suspended", "banned from #banned", "#misspelt did not answer"} {
			r.Want(status.Degraded, want)
		}
		m := r.ask("hello")
		r.s.Ban(r.room, r.bot, 30)
		start := time.Now()
		r.pass(time.Second)
		r.Send(channels.Post{To: m.Conversation, Text: "after the time-out"})
		if d := time.Since(start); d < 30*time.Second {
			t.Errorf("it wrote %v after it was timed out for 30s", d)
		}
		r.s.Ban(r.room, r.bot, 0)
		r.pass(time.Second)
		r.Want(status.Degraded, "banned from #streamer")
		if _, err := r.ch.Send(t.Context(), channels.Post{To: m.Conversation, Text: "no"}); !errors.Is(err, channels.ErrGone) {
			t.Errorf("Send gave %v; want ErrGone", err)
		}
		r.s.Unban(r.room, r.bot)
		r.pass(11 * time.Minute)
		r.ask("back again")
	})
}

// TestManyRooms: joins keep to twenty in ten seconds.
func TestManyRooms(t *testing.T) {
	var set twitch.Settings
	for i := range 60 {
		set.Channels = append(set.Channels, fmt.Sprintf("room%d", i))
	}
	bubble(t, set, func(r *rig) {
		for _, name := range set.Channels {
			r.s.AddRoom(name)
		}
	}, func(t *testing.T, r *rig) {
		r.run()
		r.pass(time.Minute)
		r.Want(status.Connected, "")
		if n := len(r.s.Joined()); n != 61 {
			t.Errorf("%d joins; want 61", n)
		}
	})
}

func TestRejected(t *testing.T) {
	t.Run("revoked", func(t *testing.T) {
		bubble(t, twitch.Settings{}, func(r *rig) { r.s.Revoke(token) }, func(t *testing.T, r *rig) {
			r.run()
			if err := r.ended(); !errors.Is(err, channels.ErrRejected) || !strings.Contains(sentence(err), "gateway channels login twitch") {
				t.Errorf("Run gave %v", err)
			}
		})
	})
	t.Run("without a scope", func(t *testing.T) {
		bubble(t, twitch.Settings{}, func(r *rig) { r.token.Scopes = []string{"chat:read"} }, func(t *testing.T, r *rig) {
			r.run()
			if err := r.ended(); !errors.Is(err, channels.ErrRejected) || !strings.Contains(sentence(err), "chat:edit") {
				t.Errorf("Run gave %v", err)
			}
		})
	})
	t.Run("revoked while it runs", func(t *testing.T) {
		bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
			r.run()
			r.s.Revoke(token)
			r.pass(61 * time.Minute)
			if err := r.ended(); !errors.Is(err, channels.ErrRejected) {
				t.Errorf("Run gave %v", err)
			}
		})
	})
}

func sentence(err error) string {
	var m interface{ UserMessage() string }
	if !errors.As(err, &m) {
		return ""
	}
	return m.UserMessage()
}

func renewable(r *rig) {
	r.s.Clients["fakeclient0000"] = "fakesecret0000"
	r.s.AddRefresh(r.token, "fakerefresh0000", "fakeclient0000")
	_ = r.secret.Store(r.t.Context(), secrets(map[string]string{"refresh_token": "fakerefresh0000", "client_id": "fakeclient0000", "client_secret": "fakesecret0000"}))
}

func TestRenewal(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		bubble(t, twitch.Settings{}, func(r *rig) { renewable(r); r.s.Revoke(token) }, func(t *testing.T, r *rig) {
			r.run()
			r.Want(status.Connected, "")
			if got := r.secret.Secret("token").Reveal(); !strings.HasPrefix(got, "fakeaccess") || r.s.Renewed() != 1 {
				t.Errorf("renewed %d times, and the new token is not stored", r.s.Renewed())
			}
			if got := r.secret.Secret("refresh_token").Reveal(); got == "fakerefresh0000" {
				t.Error("the rotated refresh token is not stored")
			}
		})
	})
	t.Run("for days", func(t *testing.T) {
		bubble(t, twitch.Settings{}, renewable, func(t *testing.T, r *rig) {
			r.token.Expires = time.Now().Add(4 * time.Hour)
			r.run()
			r.pass(48 * time.Hour)
			r.Want(status.Connected, "")
			if n := r.s.Renewed(); n < 12 || n > 20 {
				t.Errorf("renewed %d times in two days of tokens of four hours", n)
			}
			if n := r.s.Logins(); n != 1 {
				t.Errorf("it logged in %d times", n)
			}
			r.s.Cut()
			r.pass(10 * time.Second)
			r.ask("with the new token")
		})
	})
	t.Run("refused", func(t *testing.T) {
		bubble(t, twitch.Settings{}, func(r *rig) {
			renewable(r)
			r.s.Clients["fakeclient0000"] = "another"
			r.s.Revoke(token)
		}, func(t *testing.T, r *rig) {
			r.run()
			if err := r.ended(); !errors.Is(err, channels.ErrRejected) || r.secret.Secret("refresh_token").Reveal() != "fakerefresh0000" {
				t.Errorf("Run gave %v", err)
			}
		})
	})
	t.Run("refused while the token is good", func(t *testing.T) {
		bubble(t, twitch.Settings{}, func(r *rig) {
			renewable(r)
			r.token.Expires = time.Now().Add(time.Hour)
			r.s.Clients["fakeclient0000"] = "another"
		}, func(t *testing.T, r *rig) {
			r.run()
			r.Want(status.Connected, "")
			r.pass(56 * time.Minute)
			r.Want(status.Degraded, "minutes and cannot renew itself")
			if n := r.State().Notices; len(n) != 1 {
				t.Errorf("the owners are told %q", n)
			}
			r.pass(5 * time.Minute)
			if err := r.ended(); !errors.Is(err, channels.ErrRejected) {
				t.Errorf("Run gave %v", err)
			}
		})
	})
	t.Run("the service is down", func(t *testing.T) {
		bubble(t, twitch.Settings{}, func(r *rig) {
			renewable(r)
			r.s.Revoke(token)
			r.s.Fail("/oauth2/token", http.StatusServiceUnavailable)
		}, func(t *testing.T, r *rig) {
			r.run()
			r.pass(5 * time.Minute)
			r.Want(status.Connecting, "503")
			r.s.Fail("/oauth2/token", 0)
			r.pass(2 * time.Minute)
			r.Want(status.Connected, "")
		})
	})
	t.Run("only the chat refuses the token", func(t *testing.T) {
		bubble(t, twitch.Settings{}, renewable, func(t *testing.T, r *rig) {
			r.run()
			r.s.Fail("/oauth2/validate", http.StatusBadGateway)
			r.s.Revoke(token)
			r.s.Cut()
			r.pass(30 * time.Second)
			r.Want(status.Connected, "")
			if n := r.s.Renewed(); n != 1 {
				t.Errorf("renewed %d times", n)
			}
			r.ask("with the new token")
		})
	})
	t.Run("no check at the start of another connection", func(t *testing.T) {
		bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
			r.run()
			r.s.Fail("/oauth2/validate", http.StatusBadGateway)
			r.s.Cut()
			r.pass(10 * time.Second)
			r.Want(status.Connected, "")
			r.pass(3 * time.Hour)
			r.Want(status.Connected, "")
		})
	})
}

func TestWarnsBeforeTheEnd(t *testing.T) {
	bubble(t, twitch.Settings{}, nil, func(t *testing.T, r *rig) {
		r.token.Expires = time.Now().Add(60 * time.Hour)
		r.run()
		r.Want(status.Connected, "")
		r.pass(14 * time.Hour)
		r.Want(status.Degraded, "The token expires in 4")
		if n := len(r.State().Notices); n != 1 {
			t.Errorf("the owners are told %q", r.State().Notices)
		}
		r.ask("it works still")
		r.pass(40 * time.Hour)
		told := map[string]bool{}
		for _, s := range r.Reports() {
			for _, n := range s.Notices {
				told[n] = true
			}
		}
		if len(told) != 1 { // one text, or they were told again as time goes by
			t.Errorf("the owners are told %v", told)
		}
		r.pass(7 * time.Hour)
		if err := r.ended(); !errors.Is(err, channels.ErrRejected) {
			t.Errorf("Run gave %v", err)
		}
	})
}

func TestOtherNick(t *testing.T) {
	bubble(t, twitch.Settings{Nick: "Somebody"}, nil, func(t *testing.T, r *rig) {
		r.run()
		r.Want(status.Degraded, "nick says somebody, but the token belongs to gateway_bot")
		if m, _ := r.say(twitchtest.Said{Text: "@gateway_bot hello"}); m.Text != "hello" {
			t.Errorf("arrived as %+v", m)
		}
	})
}
