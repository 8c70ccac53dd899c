package slack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/lazyregexp"
)

// A conversation's id is the channel's, with the thread's: "D0AB", "C0AB:1712.0001". A message's is "C0AB/1712.0002";
// hiddenMark begins those that one person alone sees, others are of commands and presses, which leave no message.
const (
	hiddenMark = "e."
	answerMark = "r." // what was shown as the answer to a command; Slack does not tell its id
	fileMark   = "f." // a file without a text
)

var (
	idShape = lazyregexp.New(`^[A-Z][A-Z0-9]{1,30}$`)
	tsShape = lazyregexp.New(`^[0-9]{1,20}\.[0-9]{1,20}$`)
)

// address is a ConversationID taken apart.
type address struct {
	channel string
	thread  string // empty: none
	dm      bool
}

func parseConversation(c channels.ConversationID) (address, error) {
	ch, thread, in := strings.Cut(string(c), ":")
	if !idShape.MatchString(ch) || !strings.Contains("CDG", ch[:1]) || in && !tsShape.MatchString(thread) {
		return address{}, fmt.Errorf("slack: %q is no conversation of this account: %w", adapter.Clip(string(c), 40), channels.ErrGone)
	}
	return address{ch, thread, ch[0] == 'D'}, nil
}

func conversation(ch, thread string) channels.ConversationID {
	if thread == "" {
		return channels.ConversationID(ch)
	}
	return channels.ConversationID(ch + ":" + thread)
}

func messageID(ch, ts string) channels.MessageID { return channels.MessageID(ch + "/" + ts) }

func parseMessage(id channels.MessageID) (ch, ts string, ok bool) {
	ch, ts, _ = strings.Cut(strings.TrimPrefix(string(id), hiddenMark), "/")
	return ch, ts, idShape.MatchString(ch) && tsShape.MatchString(ts)
}

func hidden(id channels.MessageID) bool { return strings.HasPrefix(string(id), hiddenMark) }

// places are where something was said, widest first; none for a private conversation.
func places(team, ch string) []channels.PlaceID {
	if team == "" {
		return []channels.PlaceID{channels.PlaceID(ch)}
	}
	return []channels.PlaceID{channels.PlaceID(team), channels.PlaceID(ch)}
}

// stamp is a ts as a number, in microseconds; 0 for what is none.
func stamp(ts string) uint64 {
	sec, micro, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseUint(sec, 10, 40)
	if err != nil {
		return 0
	}
	m, _ := strconv.ParseUint((micro + "000000")[:6], 10, 32)
	return n*1_000_000 + m
}

// stampAt is the first stamp of a time.
func stampAt(t time.Time) uint64 { return uint64(t.UnixMicro()) }

// tsOf writes a stamp as Slack does.
func tsOf(n uint64) string { return fmt.Sprintf("%d.%06d", n/1_000_000, n%1_000_000) }

// timeOf reads the time in a message's ts.
func timeOf(ts string) time.Time {
	var sec, micro int64
	if _, err := fmt.Sscanf(ts, "%d.%06d", &sec, &micro); err != nil {
		return time.Now()
	}
	return time.Unix(sec, micro*1000)
}

// threads knows in which threads the bot has spoken: there it is talked to without being mentioned.
type threads struct {
	c *channel

	mu    sync.Mutex
	known map[channels.ConversationID]bool // guarded by mu
}

// spoke notes that the bot is part of a thread.
func (t *threads) spoke(c channels.ConversationID) { t.note(c, true) }

func (t *threads) note(c channels.ConversationID, yes bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	adapter.Remember(t.known, 10_000, c, yes)
}

// mine tells whether the bot has spoken in a thread, asking Slack once if that is not known. It fails if Slack cannot be
// asked now.
func (t *threads) mine(ctx context.Context, ch, thread string) (bool, error) {
	conv := conversation(ch, thread)
	t.mu.Lock()
	yes, ok := t.known[conv]
	t.mu.Unlock()
	if ok {
		return yes, nil
	}
	me := t.c.identity()
	var said []slackgo.Message
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	err := t.c.do(ctx, call{what: "read a thread", method: "conversations.replies"}, func(ctx context.Context, api *slackgo.Client) (err error) {
		said, _, _, err = api.GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{ChannelID: ch, Timestamp: thread, Limit: 200})
		return err
	})
	if err != nil {
		if e := (*apiError)(nil); !errors.As(err, &e) || e.passing() {
			return false, err
		}
		t.c.log.Debug("slack: it cannot be known if the bot spoke in a thread", "err", err)
		t.note(conv, false)
		return false, nil
	}
	for _, m := range said {
		yes = yes || m.User == me.user || strings.Contains(m.Text, "<@"+me.user+">")
	}
	t.note(conv, yes)
	return yes, nil
}

const lookTime = 1500 * time.Millisecond // what may be looked up before a message is handed in

// people knows how people are called.
type people struct {
	c *channel

	mu    sync.Mutex
	names map[string]name // guarded by mu
}

type name struct {
	text  string // empty: it could not be read
	until time.Time
}

// name gives what a person is called; empty if that cannot be told soon.
func (p *people) name(ctx context.Context, user string) string {
	p.mu.Lock()
	n, ok := p.names[user]
	p.mu.Unlock()
	if ok && time.Now().Before(n.until) {
		return n.text
	}
	n = name{until: time.Now().Add(10 * time.Minute)}
	if idShape.MatchString(user) {
		ctx, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		var u *slackgo.User
		err := p.c.do(ctx, call{what: "read a name", method: "users.info", partial: true}, func(ctx context.Context, api *slackgo.Client) (err error) {
			u, err = api.GetUserInfoContext(ctx, user)
			return err
		})
		if err != nil {
			p.c.log.Debug("slack: a name could not be read", "err", err)
			if ctx.Err() != nil {
				n.until = time.Now().Add(time.Minute)
			}
		} else {
			n = name{first(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name), time.Now().Add(6 * time.Hour)}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	adapter.Remember(p.names, 10_000, user, n)
	return n.text
}

// first gives the first that is not empty.
func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
