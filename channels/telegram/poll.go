package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/status"
)

const (
	pollTime   = 30 * time.Second // a poll is held by the server
	pollSlack  = 10 * time.Second // and is dead when it is not back so long after
	longPause  = 30 * time.Second // between polls that fail
	albumTime  = 500 * time.Millisecond
	reportEach = time.Second
)

// self is who the bot is.
type self struct {
	tgbotapi.User
}

func (s self) String() string { return "@" + s.UserName + " (" + itoa(s.ID) + ")" }

// poller is one Run.
type poller struct {
	c       *channel
	h       channels.Handler
	api     *api
	offset  int64                // of the next update
	ours    time.Time            // a 409 before then may be due to a poll of our own
	fails   int                  // polls that failed in a row
	rivals  int                  // 409s in a row that are not our own
	rival   time.Time            // the last of them
	albums  map[string]time.Time // when an album was first seen
	alive   time.Time            // last completed poll
	told    time.Time            // last report
	state   status.State         // … and what it said
	detail  string
	answers sync.WaitGroup // answers to presses, on their way
	room    chan struct{}  // for so many of them at once
}

// listen reads until ctx ends or the connection is lost for good.
func (c *channel) listen(ctx context.Context, h channels.Handler) error {
	p := &poller{
		c: c, h: h, api: c.api(c.polls), ours: time.Now().Add(pollTime), albums: map[string]time.Time{}, room: make(chan struct{}, 8),
	}
	defer c.polls.CloseIdleConnections()
	defer p.answers.Wait()
	if err := p.hello(ctx); err != nil {
		return err
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		list, err := p.poll(ctx, pollTime)
		if err != nil {
			if err = p.failed(ctx, err); err != nil {
				return err
			}
			continue
		}
		p.completed()
		if err := p.take(ctx, list); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// hello asks who the bot is, until Telegram answers.
func (p *poller) hello(ctx context.Context) error {
	p.report(status.Connecting, "")
	for {
		me, err := p.c.whoami(ctx, p.api)
		if err == nil {
			p.report(status.Connected, p.hint(me))
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, channels.ErrRejected) {
			return p.stopped(err)
		}
		if err := p.pause(ctx, err); err != nil {
			return err
		}
	}
}

// whoami calls getMe, which also tells whether the token is good.
func (c *channel) whoami(ctx context.Context, a *api) (self, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var me self
	err := a.call(ctx, "getMe", nil, &me)
	var r *reply
	if errors.As(err, &r) && (r.code == http.StatusUnauthorized || r.code == http.StatusNotFound) { // 404: a malformed token
		err = fmt.Errorf("%w: %w", err, channels.ErrRejected)
		return me, &failure{err: fmt.Errorf("telegram: %w", err), say: sayRejected}
	}
	if err != nil {
		return me, fmt.Errorf("telegram: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.me = me
	return me, nil
}

// hint says what privacy mode keeps from the bot, if that is not what the settings want.
func (p *poller) hint(me self) string {
	if p.c.set.GroupPolicy == "open" && !me.CanReadAllGroupMessages {
		return "Privacy mode is on: in groups the bot gets only commands, mentions and answers to it. To change that send /setprivacy to @BotFather, then remove the bot from the group and add it again."
	}
	return ""
}

// begin finds where to read on: at the mark, or behind what is pending if that is to be dropped.
func (p *poller) begin(ctx context.Context) error {
	if p.c.o.Mark != nil {
		mark, err := p.c.o.Mark(ctx, p.mark())
		if err != nil {
			return fmt.Errorf("telegram: read the mark: %w", err)
		}
		p.offset, _ = strconv.ParseInt(mark, 10, 64) // no mark: what Telegram holds
	}
	p.c.mu.Lock()
	drop := p.c.set.DropPending && !p.c.dropped
	p.c.dropped = true
	p.c.mu.Unlock()
	if !drop {
		return nil
	}
	p.offset = -1 // counted from the end
	list, err := p.poll(ctx, 0)
	p.offset = 0
	if err == nil && len(list) > 0 {
		p.offset = list[len(list)-1].ID + 1
	}
	if err != nil {
		p.c.mu.Lock()
		p.c.dropped = false
		p.c.mu.Unlock()
	}
	return err
}

// mark names the offset. It is the bot's: another token brings another bot with other numbers.
func (p *poller) mark() string { return "offset:" + itoa(p.me().ID) }

func (p *poller) me() self {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.c.me
}

// poll asks for updates. An update that cannot be read is left out; its number is kept.
func (p *poller) poll(ctx context.Context, hold time.Duration) ([]update, error) {
	ctx, cancel := context.WithTimeout(ctx, hold+pollSlack)
	defer cancel()
	kinds := `"message","edited_message","callback_query"`
	if p.c.set.ChannelPosts {
		kinds += `,"channel_post","edited_channel_post"`
	}
	if p.c.set.Drafts {
		kinds += `,"stopped_message_generation"`
	}
	params := tgbotapi.Params{"timeout": itoa(int64(hold / time.Second)), "allowed_updates": "[" + kinds + "]"}
	params.AddNonZero64("offset", p.offset)
	var raw []json.RawMessage
	if err := p.api.call(ctx, "getUpdates", params, &raw); err != nil {
		return nil, err
	}
	list := make([]update, len(raw))
	for i, r := range raw {
		if err := json.Unmarshal(r, &list[i]); err != nil {
			list[i] = update{ID: number(r)}
			p.c.o.Log.Warn("telegram sent an update that cannot be read", "account", p.c.o.Account, "update", list[i].ID)
		}
	}
	return list, nil
}

// number is the id of an update that cannot be read otherwise.
func number(raw json.RawMessage) int64 {
	var u struct {
		ID int64 `json:"update_id"`
	}
	_ = json.Unmarshal(raw, &u) // what is in order is decoded all the same
	return u.ID
}

// completed notes that the connection works.
func (p *poller) completed() {
	p.fails, p.alive = 0, time.Now()
	if p.rivals > 0 && time.Since(p.rival) > 2*pollTime {
		p.rivals = 0
	}
	if p.rivals > 0 {
		return // it works in part: some messages reach the other program
	}
	p.report(status.Connected, p.hint(p.me()))
}

// failed says what to do about a poll that failed: it returns an error if Run must end, else after a pause.
func (p *poller) failed(ctx context.Context, err error) error {
	var r *reply
	errors.As(err, &r)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r != nil && r.code == http.StatusUnauthorized:
		return p.stopped(verdict(r))
	case r != nil && r.code == http.StatusNotFound:
		return fmt.Errorf("telegram: %w", err)
	case r != nil && r.code == http.StatusConflict:
		return p.conflict(ctx, r)
	case r != nil && r.after > 0:
		return adapter.Pause(ctx, r.after)
	}
	return p.pause(ctx, err)
}

// stopped reports why Run ends.
func (p *poller) stopped(err error) error {
	if errors.Is(err, channels.ErrRejected) {
		p.report(status.Rejected, sayRejected)
	}
	return err
}

// conflict deals with a 409: a poll of our own that the server still holds, another program, or a webhook.
func (p *poller) conflict(ctx context.Context, r *reply) error {
	log := p.c.o.Log.With("account", p.c.o.Account)
	if r.says("webhook") {
		log.Warn("the bot had a webhook, which keeps messages from us; it is removed")
		cut, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		if err := p.api.call(cut, "deleteWebhook", nil, nil); err != nil {
			return p.pause(ctx, err)
		}
		p.fails++
		return adapter.Pause(ctx, backoff(p.fails-1, longPause)) // whoever sets it again and again is not fought for ever
	}
	if time.Now().Before(p.ours) {
		log.Debug("telegram still held an earlier poll of ours")
		return adapter.Pause(ctx, backoff(1, time.Second))
	}
	if p.rivals == 0 {
		log.Warn("another program reads this bot's messages")
	}
	p.rivals, p.rival = p.rivals+1, time.Now()
	p.report(status.Degraded, sayRival)
	return adapter.Pause(ctx, backoff(p.rivals, longPause))
}

const sayRival = "Another program reads this bot's messages too, so each gets only some of them. Stop the other one, or give it a bot of its own."

// pause waits after a failure of the network or of Telegram's, longer each time, and says what it waits for.
func (p *poller) pause(ctx context.Context, err error) error {
	p.c.polls.CloseIdleConnections()
	p.ours = time.Now().Add(pollTime + pollSlack) // what was cut off here may still be held there
	p.fails++
	if p.fails > 1 {
		p.report(status.Connecting, "Telegram cannot be reached: "+reason(err)+". Trying again.")
	}
	p.c.o.Log.Debug("telegram: poll failed", "account", p.c.o.Account, "err", err, "in_a_row", p.fails)
	return adapter.Pause(ctx, backoff(p.fails-1, longPause))
}

// take hands updates to the core. Only when it has them does the offset move, which confirms them to Telegram.
func (p *poller) take(ctx context.Context, list []update) error {
	n, wait := p.settled(list)
	list = list[:n]
	b := p.batch(list)
	offset := p.offset
	for _, u := range list {
		offset = u.ID + 1
		if m := u.message(); m != nil && m.MigrateTo != 0 {
			p.c.moves.add(m.Chat.ID, m.MigrateTo)
		}
		if u.Callback != nil {
			p.answer(ctx, u.Callback.ID)
		}
	}
	b.Moved = p.c.moves.take()
	if n > 0 {
		b.Marks = map[string]string{p.mark(): itoa(offset)}
	}
	if n > 0 || len(b.Moved) > 0 {
		if err := p.hand(ctx, b); err != nil {
			return err
		}
	}
	p.offset = offset
	return adapter.Pause(ctx, wait)
}

// hand gives a batch to the core until it takes it.
func (p *poller) hand(ctx context.Context, b channels.Batch) error {
	for try := 0; ; try++ {
		err := p.h(ctx, b)
		if err == nil {
			return nil
		}
		if try == 3 {
			p.report(status.Degraded, "Messages cannot be kept at the moment; Telegram holds them until they can.")
		}
		p.c.o.Log.Debug("telegram: messages were not kept", "account", p.c.o.Account, "err", err)
		if err := adapter.Pause(ctx, backoff(try, 5*time.Second)); err != nil {
			return err
		}
	}
}

// settled says how many of the updates can be handed in, and how long to wait for the rest: the pictures of an album
// come one by one, and belong together.
func (p *poller) settled(list []update) (n int, wait time.Duration) {
	now := time.Now()
	for i, u := range list {
		m := u.message()
		if m == nil || m.Album == "" {
			continue
		}
		seen, ok := p.albums[m.Album]
		if !ok {
			seen = now
			p.albums[m.Album] = now
		}
		if d := albumTime - now.Sub(seen); d > 0 {
			return i, d
		}
	}
	for id, seen := range p.albums {
		if now.Sub(seen) > time.Minute {
			delete(p.albums, id)
		}
	}
	return len(list), 0
}

// answer tells Telegram that a press was seen, so that the button stops waiting. What comes of it the core says.
func (p *poller) answer(ctx context.Context, id string) {
	p.answers.Go(func() {
		select {
		case p.room <- struct{}{}:
			defer func() { <-p.room }()
		case <-ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		err := p.c.api(p.c.sends).call(ctx, "answerCallbackQuery", tgbotapi.Params{"callback_query_id": id}, nil)
		if err != nil {
			p.c.o.Log.Debug("telegram: answer a press", "account", p.c.o.Account, "err", err)
		}
	})
}

// report tells the core what goes on: at every change, and now and then that it is alive.
func (p *poller) report(s status.State, detail string) {
	if s == status.Connected && detail != "" {
		s = status.Degraded
	}
	if s == p.state && detail == p.detail && time.Since(p.told) < reportEach {
		return
	}
	p.state, p.detail, p.told = s, detail, time.Now()
	r := status.Channel{State: s, Detail: detail, Alive: p.alive}
	if me := p.me(); me.ID != 0 {
		r.Bot = me.String()
	}
	p.c.o.Report(r)
}
