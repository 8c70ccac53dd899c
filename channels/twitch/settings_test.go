package twitch

import (
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
)

func TestSettings(t *testing.T) {
	off := false
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string // in the error; "": none
	}{
		"as it comes":       {func(*Settings) {}, ""},
		"no room":           {func(s *Settings) { s.ChannelName = " # " }, "channel_name must name"},
		"only channels":     {func(s *Settings) { s.ChannelName, s.Channels = "", []string{"#A", "b"} }, ""},
		"no name":           {func(s *Settings) { s.Channels = []string{"a b"} }, "no Twitch name"},
		"two lines":         {func(s *Settings) { s.ChannelName = "a\r\nQUIT" }, "no Twitch name"},
		"nick":              {func(s *Settings) { s.Nick = "a\nb" }, "nick is"},
		"prefix":            {func(s *Settings) { s.Prefix = "/" }, "prefix must be"},
		"parts":             {func(s *Settings) { s.Parts = 0 }, "parts must be"},
		"rate":              {func(s *Settings) { s.Rate = "fast" }, "rate must be"},
		"server":            {func(s *Settings) { s.Server = "irc.example" }, "server must be"},
		"no TLS":            {func(s *Settings) { s.TLS, s.Server = &off, "irc.example:6667" }, "tls: false"},
		"no TLS at Twitch":  {func(s *Settings) { s.TLS = &off }, "tls: false"},
		"no TLS here":       {func(s *Settings) { s.TLS, s.Server = &off, "127.0.0.1:6667" }, ""},
		"api":               {func(s *Settings) { s.APIBase = "http://id.example" }, "api_base must be"},
		"api with a secret": {func(s *Settings) { s.APIBase = "https://u:p@id.example" }, "api_base must be"},
		"no api":            {func(s *Settings) { s.APIBase = "off" }, "nick must be set"},
		"no api, a nick":    {func(s *Settings) { s.APIBase, s.Nick = "off", "bot" }, ""},
	} {
		s := Service.Settings().(*Settings)
		s.ChannelName = "#Streamer"
		c.change(s)
		_, err := open(channels.Options{Account: "twitch", Settings: s, Secrets: channeltest.NewSecrets(nil)})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	s := &Settings{ChannelName: "#A", Channels: []string{"b", "a"}}
	if got := s.Base().Groups; strings.Join(got, " ") != "a b" || len(s.Groups) != 0 {
		t.Errorf("groups are %q; want the rooms", got)
	}
	s.Groups = []string{"b"}
	if got := s.Base().Groups; strings.Join(got, " ") != "b" {
		t.Errorf("groups are %q; want those that were set", got)
	}
}

func TestCheckToken(t *testing.T) {
	for s, ok := range map[string]bool{"abc123": true, "oauth:abc123": true, "OAuth:abc": true, " abc ": true, "": false, "oauth:": false, "a b": false, "a\r\nQUIT": false, "x:y": false} {
		if err := checkToken(s); (err == nil) != ok {
			t.Errorf("checkToken(%q) = %v", s, err)
		}
	}
}
