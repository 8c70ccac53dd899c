package twitch

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// twitchServer is where Twitch's IRC is, with TLS.
const twitchServer = "irc.chat.twitch.tv:6697"

// loginShape is a Twitch name.
var loginShape = lazyregexp.New(`^[a-z0-9_]{1,25}$`)

// roomName brings a name that a person wrote into the form that Twitch uses.
func roomName(s string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "#"))
}

// rooms are the rooms' names, each once.
func (s *Settings) rooms() []string {
	var list []string
	seen := map[string]bool{}
	for _, name := range append([]string{s.ChannelName}, s.Channels...) {
		if name = roomName(name); name != "" && !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list
}

// check says which setting is missing or wrong.
func (s *Settings) check() error {
	rooms := s.rooms()
	if len(rooms) == 0 {
		return errors.New("twitch: channel_name must name the room that the bot joins")
	}
	for _, name := range rooms {
		if !loginShape.MatchString(name) {
			return fmt.Errorf("twitch: channel_name and channels hold %q, which is no Twitch name", name)
		}
	}
	if s.Nick != "" && !loginShape.MatchString(roomName(s.Nick)) {
		return fmt.Errorf("twitch: nick is %q, which is no Twitch name", s.Nick)
	}
	if strings.ContainsAny(s.Prefix, " \t\r\n@/") || len(s.Prefix) > 8 {
		return errors.New("twitch: prefix must be a sign or a few, such as !, without spaces, @ and /")
	}
	if s.Parts < 1 || s.Parts > 10 {
		return errors.New("twitch: parts must be between 1 and 10")
	}
	if s.Rate != "" && s.Rate != "normal" && s.Rate != "verified" {
		return errors.New("twitch: rate must be normal or verified")
	}
	if s.Server != "" {
		host, port, err := net.SplitHostPort(s.Server)
		if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
			return errors.New("twitch: server must be a host and a port, such as irc.chat.twitch.tv:6697")
		}
	}
	if s.TLS != nil && !*s.TLS && !loopback(s.Server) {
		return errors.New("twitch: tls: false is for a server on this host; anywhere else the token would be readable on the way")
	}
	return nil
}

// address is the IRC server's.
func (s *Settings) address() string {
	if s.Server == "" {
		return twitchServer
	}
	return s.Server
}

// loopback reports whether an address, host:port or a host alone, is of this host.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// conversation is a person's in a room: "room/12345". Who the server does not vouch for is "room/~name".
func conversation(room, person string) channels.ConversationID {
	return channels.ConversationID(room + "/" + person)
}

// parseConversation takes a conversation's id apart.
func parseConversation(id channels.ConversationID) (room, person string, err error) {
	room, person, ok := strings.Cut(string(id), "/")
	if !ok || !loginShape.MatchString(room) || person == "" {
		return "", "", fmt.Errorf("twitch: %q is no conversation: %w", clip(string(id), 40), channels.ErrGone)
	}
	return room, person, nil
}

// clip shortens a text for an error.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
