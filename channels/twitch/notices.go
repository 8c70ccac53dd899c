package twitch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// kind is what follows from a refusal.
type kind int

const (
	none      kind = iota // no refusal: a change of the room's mode
	later                 // the room, or Twitch, wants the bot to wait
	same                  // these words were just said there
	unwanted              // this text is not taken
	notAble               // the bot may not write there as things are
	shut                  // the bot may not be in the room
	otherwise             // something else
)

// refusal is Twitch's word that a message was not sent, or a room not joined.
type refusal struct {
	kind  kind
	id    string // Twitch's: msg_slowmode
	text  string // Twitch's sentence, or ours
	after time.Duration
}

// sentences are what we say of refusals that last, with the room in place of %s.
var sentences = map[string]string{
	"msg_banned":                         "The bot is banned from #%s; the broadcaster can lift that with /unban.",
	"msg_channel_suspended":              "The room #%s is suspended or does not exist.",
	"tos_ban":                            "The room #%s was closed by Twitch.",
	"msg_room_not_found":                 "There is no room #%s.",
	"msg_channel_blocked":                "The account was blocked from #%s.",
	"msg_suspended":                      "The bot's account is suspended from writing; see the account's mail from Twitch.",
	"msg_followersonly":                  "Only followers may write in #%s; let the bot's account follow it, or make it a moderator with /mod.",
	"msg_followersonly_followed":         "Only followers of some time may write in #%s, and the bot is too new; make it a moderator with /mod.",
	"msg_followersonly_zero":             "Only followers may write in #%s; let the bot's account follow it, or make it a moderator with /mod.",
	"msg_subsonly":                       "Only subscribers may write in #%s; make the bot a moderator with /mod.",
	"msg_emoteonly":                      "Only emotes may be written in #%s; make the bot a moderator with /mod.",
	"msg_verified_email":                 "#%s wants a verified e-mail address; verify the one of the bot's account.",
	"msg_requires_verified_phone_number": "#%s wants a verified phone number; verify the one of the bot's account, or make it a moderator with /mod.",
}

var kinds = map[string]kind{
	"msg_slowmode": later, "msg_ratelimit": later, "msg_timedout": later,
	"msg_duplicate": same,
	"msg_r9k":       unwanted, "msg_rejected": unwanted, "msg_rejected_mandatory": unwanted, "msg_bad_characters": unwanted, "unrecognized_cmd": unwanted,
	"no_permission": unwanted,
	"msg_banned":    shut, "msg_channel_suspended": shut, "tos_ban": shut, "msg_room_not_found": shut, "msg_channel_blocked": shut,
	"msg_suspended": notAble, "msg_followersonly": notAble, "msg_followersonly_followed": notAble, "msg_followersonly_zero": notAble,
	"msg_subsonly": notAble, "msg_emoteonly": notAble, "msg_verified_email": notAble, "msg_requires_verified_phone_number": notAble,
}

var seconds = lazyregexp.New(`(\d{1,7})(?: more)? second`)

// refusalOf understands a NOTICE.
func refusalOf(id, text, room string) refusal {
	r := refusal{kind: kinds[id], id: id, text: clip(text, 200)}
	if s, ok := sentences[id]; ok {
		r.text = strings.ReplaceAll(s, "%s", room)
	}
	if r.kind == none && strings.HasPrefix(id, "msg_") {
		r.kind = otherwise
	}
	if r.kind == later {
		r.after = 30 * time.Second // what Twitch's own window is
		if id == "msg_slowmode" {
			r.after = 5 * time.Second
		}
		if m := seconds.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1])
			r.after = time.Duration(n) * time.Second
		}
	}
	return r
}

// notSent is the error of a post that Twitch refused.
type notSent struct {
	refusal
	room string
}

func (e *notSent) Error() string {
	return fmt.Sprintf("twitch: #%s did not take the message (%s): %s", e.room, e.id, e.text)
}

// Unwrap says what the refusal means to the core: the room is gone, something must be changed there, or this text
// will never be taken.
func (e *notSent) Unwrap() error {
	switch e.kind {
	case shut:
		return channels.ErrGone
	case notAble:
		return channels.ErrSetup
	default:
		return errors.ErrUnsupported
	}
}

func (e *notSent) UserMessage() string {
	if _, ok := sentences[e.id]; ok {
		return e.text
	}
	return fmt.Sprintf("Twitch did not take the message in #%s: %s", e.room, e.text)
}

// roomLine takes a line about a room, and reports whether that changes how the room stands. Lines about rooms that are
// not ours are passed over.
func (c *channel) roomLine(s *session, l line) (news bool) {
	name := l.room()
	own := strings.EqualFold(l.nick, c.nick())
	me := c.self()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[name]
	if r == nil {
		return false
	}
	trouble := r.trouble
	switch l.command {
	case "JOIN":
		if own && !s.states {
			r.join()
			c.changed()
		}
	case "USERSTATE":
		r.moderator = l.tags["mod"] == "1" || slices.ContainsFunc(roles(map[string]string{"badges": l.tags["badges"]}), func(role string) bool {
			return role == "broadcaster" || role == "moderator"
		})
		r.exempt = r.moderator || strings.Contains(l.tags["badges"], "vip/")
		if !r.joined {
			r.join()
			c.changed()
		} else {
			r.confirm(l.tags)
		}
	case "ROOMSTATE":
		if id := l.tags["room-id"]; idShape.MatchString(id) {
			r.owner = id
		}
		if n, err := strconv.Atoi(l.tags["slow"]); err == nil && n >= 0 && n < 1<<20 {
			r.slow = time.Duration(n) * time.Second
		}
	case "PART", "KICK":
		if own || l.command == "KICK" && strings.EqualFold(l.param(1), c.nick()) {
			r.refuse(refusal{kind: shut, id: "left", text: fmt.Sprintf("The bot was put out of #%s.", name)})
			c.changed()
		}
	case "CLEARCHAT":
		if id := l.tags["target-user-id"]; id != "" && id == me.id {
			c.silenced(r, l.tags["ban-duration"])
		}
	case "NOTICE":
		if f := refusalOf(l.tags["msg-id"], l.param(1), name); f.kind != none {
			c.refused(r, f)
		}
	default: // a numeric of plain IRC
		c.refused(r, refusal{kind: shut, id: l.command, text: fmt.Sprintf("The room #%s cannot be used: %s", name, clip(l.param(1), 80))})
	}
	return r.trouble != trouble
}

// silenced notes that a moderator timed the bot out, or banned it. c.mu is held.
func (c *channel) silenced(r *room, duration string) {
	if n, err := strconv.Atoi(duration); err == nil && n > 0 {
		r.hold(time.Duration(n) * time.Second)
		return
	}
	r.refuse(refusalOf("msg_banned", "", r.name))
	c.changed()
}

// refused notes a refusal, of the message that waits for Twitch's word or of the room. c.mu is held.
func (c *channel) refused(r *room, f refusal) {
	switch f.kind {
	case shut:
		r.refuse(f)
		c.changed()
	case notAble:
		r.trouble = f.text
	case later:
		if f.id == "msg_ratelimit" {
			c.pace.hold(f.after)
		} else {
			r.hold(f.after)
		}
	}
	if r.waits != nil {
		r.settle(result{refusal: &f})
	} else if f.kind != shut {
		c.log.Warn("twitch refused a message late", "account", c.o.Account, "room", r.name, "id", f.id)
	}
}
