// Package discordtest is Discord on loopback, for tests: version 10 (and 9) of its HTTP API and its gateway, as far as
// a bot that talks needs them, written from https://discord.com/developers/docs. It refuses what Discord refuses:
// wrong tokens and intents, texts and controls that are too large, answers that come too late, requests beyond a
// rate limit. Tests speak and press as people do, and make it fail in the ways in which Discord fails.
package discordtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the bot token that the server takes.
const Token = "FAKE-discord-token.for-tests.000000000001"

// object is a JSON object.
type object = map[string]any

// Options are how a Server behaves. The zero value is fit for use.
type Options struct {
	NoContent bool          // the Message Content intent is switched off for the application
	Heartbeat time.Duration // what HELLO asks for; 0: 41.25 s
	Limit     int           // requests a route and channel in Per; 0: 1000
	Per       time.Duration // 0: a second
	Answer    time.Duration // within which an interaction must be answered; 0: 3 s
}

// Server is a Discord with one application, its bot, one guild with a text channel, and the people that tests name.
type Server struct {
	URL     string // of the API: "http://127.0.0.1:…/api"
	CDN     string // where files are
	Bot     string // the bot's user id
	App     string // the application's id
	Guild   string
	Channel string // a text channel of the guild
	BotRole string // the role that Discord made for the bot

	o    Options
	http *httptest.Server

	mu       sync.Mutex // guards everything below, and what it points to
	last     uint64     // the last id given out
	users    map[string]*user
	channels map[string]*channel
	nonces   map[string]*message
	commands []object
	asked    map[string]*Interaction
	sessions map[string]*session
	buckets  map[string]*bucket
	faults   []*Fault
	starts   starts
	log      []Request
	files    map[string][]byte
	fresh    int // which addresses of files hold
	away     bool
	gate     gatewayFaults
	counts   Counts
}

// Counts tells what happened at the gateway.
type Counts struct {
	Identified, Resumed, Invalid, Closed int
}

// Request is a request that came in.
type Request struct {
	Method, Path string // without the version, without tokens
	Status       int
	Body         string
}

type user struct {
	id, name string
	bot      bool
	closed   bool // takes no direct messages
	roles    []string
}

// Kinds of channels.
const (
	guildText    = 0
	direct       = 1
	publicThread = 11
)

type channel struct {
	id, name, parent, owner string
	kind                    int
	people                  []string // of a direct channel: user ids besides the bot
	messages                []*message
	lacks                   map[string]bool // permissions that the bot lacks: "view", "send", "manage", "thread"
}

// message is one message.
type message struct {
	id, channel, author string
	content             string
	kind                int
	flags               int
	at                  time.Time
	edited              time.Time
	components          []any
	files               []object
	mentions            []string
	reference           string
	nonce               string
	hiddenFor           string // the one user who sees it
	asked               *Interaction
	pings               []string // whom it notified
}

type starts struct {
	total, left int
	after       time.Duration
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Heartbeat == 0 {
		o.Heartbeat = 41250 * time.Millisecond
	}
	if o.Limit == 0 {
		o.Limit, o.Per = 1000, time.Second
	}
	if o.Answer == 0 {
		o.Answer = 3 * time.Second
	}
	s := &Server{o: o, users: map[string]*user{}, channels: map[string]*channel{}, nonces: map[string]*message{}, asked: map[string]*Interaction{},
		sessions: map[string]*session{}, buckets: map[string]*bucket{}, files: map[string][]byte{},
		starts: starts{1000, 1000, 24 * time.Hour}}
	bot := &user{id: s.newID(), name: "gatewaybot", bot: true}
	s.users[bot.name] = bot
	s.Bot, s.App, s.Guild, s.BotRole = bot.id, s.newID(), s.newID(), s.newID()
	s.Channel = s.newChannel(channel{name: "general", kind: guildText}).id
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.Start()
	s.URL, s.CDN = s.http.URL+"/api", s.http.URL+"/cdn"
	t.Cleanup(s.Close)
	return s
}

// Close ends every connection.
func (s *Server) Close() {
	s.mu.Lock()
	for _, ss := range s.sessions {
		if ss.conn != nil {
			ss.conn.cut()
		}
	}
	s.mu.Unlock()
	s.http.CloseClientConnections()
	s.http.Close()
}

// newID makes an id like Discord's: they grow with time.
func (s *Server) newID() string {
	id := snowflake(time.Now())
	if id <= s.last {
		id = s.last + 1
	}
	s.last = id
	return strconv.FormatUint(id, 10)
}

// snowflake is the id of what was made at a time.
func snowflake(t time.Time) uint64 { return uint64(t.UnixMilli()-1420070400000) << 22 }

func (s *Server) newChannel(c channel) *channel {
	if c.id == "" {
		c.id = s.newID()
	}
	c.lacks = map[string]bool{}
	s.channels[c.id] = &c
	return &c
}

// person finds or makes the user of a name. s.mu is held.
func (s *Server) person(name string) *user {
	u, ok := s.users[name]
	if !ok {
		u = &user{id: s.newID(), name: name}
		s.users[name] = u
	}
	return u
}

// byID finds a user. s.mu is held.
func (s *Server) byID(id string) *user {
	for _, u := range s.users {
		if u.id == id {
			return u
		}
	}
	return nil
}

// direct finds or makes the direct channel with a user. s.mu is held.
func (s *Server) direct(id string) *channel {
	for _, c := range s.channels {
		if c.kind == direct && c.people[0] == id {
			return c
		}
	}
	return s.newChannel(channel{kind: direct, people: []string{id}})
}

func (s *Server) userJSON(u *user) object {
	o := object{"id": u.id, "username": u.name, "global_name": strings.ToUpper(u.name[:1]) + u.name[1:], "discriminator": "0", "avatar": nil, "public_flags": 0}
	if u.bot {
		o["bot"], o["global_name"] = true, nil
	}
	return o
}

func (s *Server) memberJSON(u *user) object {
	roles := u.roles
	if roles == nil {
		roles = []string{}
	}
	if u.bot {
		roles = []string{s.BotRole}
	}
	return object{"nick": nil, "avatar": nil, "roles": roles, "joined_at": "2024-01-01T00:00:00.000000+00:00", "premium_since": nil, "deaf": false, "mute": false,
		"flags": 0, "pending": false, "communication_disabled_until": nil}
}

func (s *Server) channelJSON(c *channel) object {
	o := object{"id": c.id, "type": c.kind, "last_message_id": nil, "flags": 0}
	if n := len(c.messages); n > 0 {
		o["last_message_id"] = c.messages[n-1].id
	}
	switch c.kind {
	case direct:
		o["recipients"] = []object{s.userJSON(s.byID(c.people[0]))}
		return o
	case publicThread:
		o["owner_id"], o["message_count"], o["member_count"] = c.owner, len(c.messages), 1
		o["thread_metadata"] = object{"archived": false, "auto_archive_duration": 1440, "archive_timestamp": "2024-01-01T00:00:00.000000+00:00", "locked": false}
		o["parent_id"] = c.parent
	default:
		o["parent_id"], o["position"], o["topic"], o["nsfw"], o["rate_limit_per_user"] = nil, 0, nil, false, 0
		o["permission_overwrites"] = []any{}
	}
	o["guild_id"], o["name"] = s.Guild, c.name
	return o
}

func (s *Server) guildJSON() object {
	role := func(id, name string, tags object) object {
		return object{"id": id, "name": name, "color": 0, "hoist": false, "position": 0, "permissions": "8", "managed": len(tags) > 0, "mentionable": false,
			"flags": 0, "tags": tags, "icon": nil, "unicode_emoji": nil, "colors": object{"primary_color": 0, "secondary_color": nil, "tertiary_color": nil}}
	}
	chans, threads := []object{}, []object{}
	for _, c := range s.channels {
		switch c.kind {
		case guildText:
			chans = append(chans, s.channelJSON(c))
		case publicThread:
			threads = append(threads, s.channelJSON(c))
		}
	}
	me := s.memberJSON(s.users["gatewaybot"])
	me["user"] = s.userJSON(s.users["gatewaybot"])
	return object{"id": s.Guild, "name": "Test guild", "icon": nil, "owner_id": "1", "roles": []object{role(s.Guild, "@everyone", nil), role(s.BotRole, "gatewaybot", object{"bot_id": s.Bot})},
		"channels": chans, "threads": threads, "members": []object{me}, "member_count": 3, "large": false, "unavailable": false, "features": []any{},
		"emojis": []any{}, "stickers": []any{}, "voice_states": []any{}, "presences": []any{}, "stage_instances": []any{}, "guild_scheduled_events": []any{},
		"soundboard_sounds": []any{}, "joined_at": "2024-01-01T00:00:00.000000+00:00", "verification_level": 0, "default_message_notifications": 0,
		"explicit_content_filter": 0, "mfa_level": 0, "premium_tier": 0, "nsfw_level": 0, "preferred_locale": "en-US", "system_channel_flags": 0,
		"afk_timeout": 300, "afk_channel_id": nil, "system_channel_id": nil, "rules_channel_id": nil, "public_updates_channel_id": nil, "vanity_url_code": nil,
		"description": nil, "banner": nil, "splash": nil, "discovery_splash": nil, "premium_progress_bar_enabled": false, "application_id": nil}
}

// messageJSON writes a message. A message of the HTTP API lacks what the gateway adds.
func (s *Server) messageJSON(m *message, gateway bool) object {
	author := s.byID(m.author)
	mentions, edited := []object{}, any(nil)
	for _, id := range m.mentions {
		if u := s.byID(id); u != nil {
			mentions = append(mentions, s.userJSON(u))
		}
	}
	if !m.edited.IsZero() {
		edited = m.edited.UTC().Format("2006-01-02T15:04:05.000000+00:00")
	}
	components := m.components
	if components == nil {
		components = []any{}
	}
	files := []object{}
	for _, f := range m.files {
		f := object{"id": f["id"], "filename": f["filename"], "content_type": f["content_type"], "size": f["size"]}
		f["url"] = fmt.Sprintf("%s/attachments/%s/%s/%s?ex=%d", s.CDN, m.channel, f["id"], f["filename"], s.fresh)
		f["proxy_url"] = f["url"]
		files = append(files, f)
	}
	roles := []string{}
	if strings.Contains(m.content, "<@&"+s.BotRole+">") {
		roles = append(roles, s.BotRole)
	}
	o := object{"id": m.id, "channel_id": m.channel, "author": s.userJSON(author), "content": m.content, "timestamp": m.at.UTC().Format("2006-01-02T15:04:05.000000+00:00"),
		"edited_timestamp": edited, "tts": false, "mention_everyone": false, "mentions": mentions, "mention_roles": roles, "attachments": files,
		"embeds": []any{}, "pinned": false, "type": m.kind, "flags": m.flags, "components": components}
	c := s.channels[m.channel]
	if m.nonce != "" {
		o["nonce"] = m.nonce
	}
	if m.asked != nil {
		o["application_id"], o["webhook_id"] = s.App, s.App
	}
	if m.reference != "" {
		o["message_reference"] = object{"type": 0, "channel_id": m.channel, "message_id": m.reference}
		o["referenced_message"] = nil
		if r := c.find(m.reference); r != nil {
			o["referenced_message"] = object{"id": r.id, "channel_id": r.channel, "author": s.userJSON(s.byID(r.author)), "content": r.content, "timestamp": o["timestamp"],
				"edited_timestamp": nil, "tts": false, "mention_everyone": false, "mentions": []any{}, "mention_roles": []any{}, "attachments": []any{}, "embeds": []any{},
				"pinned": false, "type": r.kind, "flags": r.flags, "components": []any{}}
		}
	}
	if gateway {
		o["channel_type"] = c.kind
	}
	if gateway && c.kind != direct {
		o["guild_id"] = s.Guild
		if m.asked == nil {
			o["member"] = s.memberJSON(author)
		}
	}
	return o
}

func (c *channel) find(id string) *message {
	for i := len(c.messages) - 1; i >= 0; i-- {
		if c.messages[i].id == id {
			return c.messages[i]
		}
	}
	return nil
}
