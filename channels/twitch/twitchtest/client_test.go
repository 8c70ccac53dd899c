package twitchtest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	gempir "github.com/gempir/go-twitch-irc/v4"

	"chatgateway/channels/twitch/twitchtest"
)

const token = "oauth:faketokenfortests0000000000bb"

// TestLibrary: a client library that we did not write runs on the fake as it is.
func TestLibrary(t *testing.T) {
	s := twitchtest.New()
	bot, ann := s.AddUser("other_bot"), s.AddUser("ann")
	s.AddToken(bot, strings.TrimPrefix(token, "oauth:"), time.Hour)
	room := s.AddRoom("streamer")
	addr, _, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := gempir.NewClient("other_bot", token)
	c.IrcAddress, c.TLS = addr, false
	heard, connected, joined, refused, state := make(chan gempir.PrivateMessage, 9), make(chan bool, 9), make(chan bool, 9), make(chan string, 9), make(chan gempir.RoomStateMessage, 9)
	c.OnConnect(func() { connected <- true })
	c.OnSelfJoinMessage(func(gempir.UserJoinMessage) { joined <- true })
	c.OnPrivateMessage(func(m gempir.PrivateMessage) { heard <- m })
	c.OnNoticeMessage(func(m gempir.NoticeMessage) { refused <- m.MsgID })
	c.OnRoomStateMessage(func(m gempir.RoomStateMessage) { state <- m })
	c.Join("streamer")
	done := make(chan error, 1)
	go func() { done <- c.Connect() }()
	next(t, "connected", connected)
	next(t, "joined", joined)
	if m := next(t, "ROOMSTATE", state); m.RoomID != room.ID {
		t.Errorf("ROOMSTATE is %+v", m)
	}
	id := s.Say(ann, room, twitchtest.Said{Text: "hello; all \\ of you", Badges: "moderator/1,subscriber/3"})
	m := next(t, "a message", heard)
	if m.ID != id || m.User.ID != ann.ID || m.User.Name != "ann" || m.User.DisplayName != "Ann" || m.Message != "hello; all \\ of you" || m.User.Badges["moderator"] != 1 || m.RoomID != room.ID || time.Since(m.Time) > time.Minute {
		t.Errorf("heard %+v", m)
	}
	c.Reply("streamer", id, "hello Ann")
	next(t, "another message", func() chan gempir.PrivateMessage {
		for end := time.Now().Add(5 * time.Second); len(s.Messages(room, "other_bot")) == 0 && time.Now().Before(end); {
			<-time.After(time.Millisecond)
		}
		s.Say(ann, room, twitchtest.Said{Text: "thanks", Reply: s.Messages(room, "other_bot")[0].ID})
		return heard
	}())
	if said := s.Messages(room, "other_bot"); len(said) != 1 || said[0].Text != "hello Ann" || said[0].Reply != id {
		t.Errorf("said %+v", said)
	}
	c.Say("streamer", "too soon")
	if got := next(t, "a refusal", refused); got != "msg_ratelimit" {
		t.Errorf("refused with %q", got)
	}
	if err := c.Disconnect(); err != nil {
		t.Errorf("Disconnect: %v", err)
	}
	if err := next(t, "the end", done); err != nil && !errors.Is(err, gempir.ErrClientDisconnected) {
		t.Errorf("Connect gave %v", err)
	}
}

func TestLibraryIsRefused(t *testing.T) {
	s := twitchtest.New()
	addr, _, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := gempir.NewClient("other_bot", "oauth:nobodyhasthis")
	c.IrcAddress, c.TLS = addr, false
	done := make(chan error, 1)
	go func() { done <- c.Connect() }()
	if err := next(t, "the refusal", done); !errors.Is(err, gempir.ErrLoginAuthenticationFailed) {
		t.Errorf("Connect gave %v", err)
	}
}

func next[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}
