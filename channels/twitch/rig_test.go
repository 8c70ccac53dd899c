package twitch_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
	"chatgateway/internal/status"
)

// rig is the adapter on the fake, in a bubble of fake time. The bot is no moderator.
type rig struct {
	*channeltest.Core
	t      *testing.T
	s      *twitchtest.Server
	bot    *twitchtest.User
	token  *twitchtest.Token
	ann    *twitchtest.User
	room   *twitchtest.Room
	secret *channeltest.Secrets
	ch     channels.Channel
}

// bubble runs a test on fake time with a channel that does not run yet. prepare may change what is there before.
func bubble(t *testing.T, set twitch.Settings, prepare func(*rig), f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := twitchtest.New()
		t.Cleanup(s.Close)
		r := &rig{Core: channeltest.NewCore(t, token, "fakerefresh", "fakeaccess", "fakesecret"), t: t, s: s, secret: channeltest.NewSecrets(map[string]string{"token": "oauth:" + token})}
		r.Doubles, r.Wait = true, time.Second
		r.bot, r.ann = r.s.AddUser("gateway_bot"), r.s.AddUser("ann")
		r.token = r.s.AddToken(r.bot, token, 0)
		r.room = r.s.AddRoom("streamer")
		if prepare != nil {
			prepare(r)
		}
		if set.ChannelName == "" {
			set.ChannelName = "streamer"
		}
		set.Prefix = "!"
		if set.Parts == 0 {
			set.Parts = 2
		}
		set.APIBase = "https://twitch.invalid"
		r.ch = r.Open(twitch.Service, channels.Options{Secrets: r.secret, Settings: &set, Client: &http.Client{Transport: r.s}})
		twitch.SetDial(r.ch, r.s.Dial)
		f(t, r)
	})
}

// run starts Run and lets it come to rest.
func (r *rig) run() {
	r.Launch()
	synctest.Wait()
}

// ended gives what Run returned by itself, at once.
func (r *rig) ended() error {
	r.t.Helper()
	start := time.Now()
	err := r.Failed()
	if d := time.Since(start); d > 0 {
		r.t.Errorf("Run ended after %v", d)
	}
	return err
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

// Want is Core's, when everything has settled: an answer may be there a moment before the state that it means.
func (r *rig) Want(state status.State, text string) {
	r.t.Helper()
	synctest.Wait()
	r.Core.Want(state, text)
}

// say makes Ann say something and gives what arrived, if anything did.
func (r *rig) say(what twitchtest.Said) (m channels.Message, ok bool) {
	before := len(r.Messages())
	r.s.Say(r.ann, r.room, what)
	synctest.Wait()
	if list := r.Messages(); len(list) > before {
		return list[len(list)-1], true
	}
	return m, false
}

// ask makes Ann ask the bot, and fails the test if that does not arrive.
func (r *rig) ask(text string) channels.Message {
	r.t.Helper()
	m, ok := r.say(twitchtest.Said{Text: "@gateway_bot " + text})
	if !ok {
		r.t.Fatalf("%q did not arrive", text)
	}
	return m
}

// shown are the texts that the bot said in the room.
func (r *rig) shown() (list []string) {
	for _, m := range r.s.Messages(r.room, "gateway_bot") {
		list = append(list, m.Text)
	}
	return list
}
