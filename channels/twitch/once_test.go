package twitch_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/twitch"
	"chatgateway/channels/twitch/twitchtest"
)

// refusedTogether lets nobody hear of a refused token before everybody has asked about it.
type refusedTogether struct {
	http.RoundTripper
	asked sync.WaitGroup
}

func (r *refusedTogether) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.Header.Get("Authorization"), " "+token) {
		r.asked.Done()
		r.asked.Wait()
	}
	return r.RoundTripper.RoundTrip(req)
}

// Two channels over one channels.json, as two processes have them, renew a token once.
func TestOneRenewalAcrossProcesses(t *testing.T) {
	s := twitchtest.New()
	t.Cleanup(s.Close)
	s.Clients["fakeclient0000"] = "fakesecret0000"
	old := s.AddToken(s.AddUser("gateway_bot"), token, 0)
	s.AddRefresh(old, "fakerefresh0000", "fakeclient0000")
	s.Revoke(token)
	path := filepath.Join(t.TempDir(), "channels.json")
	account := func() channelauth.Source {
		return channelauth.Open(path, nil).Account("twitch", twitch.Service.Secrets)
	}
	err := account().Store(t.Context(), secrets(map[string]string{
		"token": token, "refresh_token": "fakerefresh0000", "client_id": "fakeclient0000", "client_secret": "fakesecret0000",
	}))
	if err != nil {
		t.Fatal(err)
	}
	service := &refusedTogether{RoundTripper: s}
	service.asked.Add(2)
	var wg sync.WaitGroup
	for range 2 {
		ch, err := twitch.Service.Open(channels.Options{
			Account: "twitch", Secrets: account(), Client: &http.Client{Transport: service},
			Settings: &twitch.Settings{ChannelName: "streamer", APIBase: "https://twitch.invalid", Parts: 2, Prefix: "!"},
		})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := twitch.Look(t.Context(), ch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.Renewed(); n != 1 {
		t.Errorf("renewed %d times, want once", n)
	}
}
