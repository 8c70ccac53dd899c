package discord

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

// A command or a press must be answered within three seconds, and is not delivered again. So it is answered at once
// with "later" (deferred), whether its answer will be seen by all or by its person alone being settled there, and only
// then handed in; if it cannot be kept, its person is told to send it again. The token that it came with serves for
// fifteen minutes: it alone can show something to one person. After that what is for one person cannot be shown here
// any more, and what is for all becomes a message like others.

const (
	ackTime   = 3 * time.Second
	tokenTime = 15*time.Minute - 10*time.Second
	// answerWait is how long a person is shown that an answer is being made.
	answerWait = 2 * time.Minute
	tokensMax  = 5000
	formsMark  = "ask." // begins the ids of the controls that Ask shows
	menuMark   = "menu."

	restarting = "The bot is being restarted. Please send that again in a minute."
)

// interaction is a command or a press, and the right to answer it.
type interaction struct {
	c      *channel
	wire   wireInteraction
	conv   channels.ConversationID
	user   channels.UserID
	place  place
	until  time.Time
	hidden bool // its first answer is seen by its person alone

	acked chan struct{} // closed when Discord was told that the answer comes later
	err   error         // how that went; read after acked
	turn  chan struct{} // holds one: answers go one after another, for the first one is different

	mu      sync.Mutex
	pending bool // guarded by mu: the person sees that an answer is being made
}

// id is the interaction's id as a message's: what answers it names it.
func (i *interaction) id() channels.MessageID { return channels.MessageID("i" + i.wire.ID) }

// interact takes in an interaction. It returns at once.
func (c *channel) interact(ctx context.Context, w wireInteraction) {
	from := w.person()
	if from == nil || from.ID == "" || from.Bot || w.Token == "" {
		return
	}
	c.mu.Lock()
	double := c.taken.Has(w.ID)
	c.taken.Add(w.ID)
	c.mu.Unlock()
	if double {
		return // a resumed connection tells things again
	}
	i := &interaction{c: c, wire: w, user: channels.UserID(from.ID), acked: make(chan struct{}), turn: make(chan struct{}, 1),
		until: madeAt(w.ID).Add(tokenTime)}
	switch {
	case w.Type == interactionComplete:
		c.tasks.Go(func() { i.complete(ctx) })
	case w.Type == interactionForm, w.Type == interactionPress && strings.HasPrefix(w.Data.CustomID, formsMark):
		c.tasks.Go(func() { c.asks.answer(ctx, i) })
	case w.Type == interactionCommand && w.Data.Type <= 1, w.Type == interactionPress:
		c.keepToken(i)
		c.tasks.Go(func() { i.later(ctx) })
		c.inbox.put(ctx, event{interaction: i})
	}
}

// person is whose it is: a member's in a guild; nil if it says none.
func (w wireInteraction) person() *wireUser {
	if w.Member != nil && w.Member.User != nil {
		return w.Member.User
	}
	return w.User
}

// private reports whether all that is shown where it was given is seen by its person alone.
func (i *interaction) private() bool {
	if i.wire.Guild != "" || i.wire.Where != nil && i.wire.Where.Type != channelDM {
		return false
	}
	return i.wire.Context == nil || *i.wire.Context == contextBotDM
}

// later tells Discord that the answer comes later.
func (i *interaction) later(ctx context.Context) {
	defer close(i.acked)
	answer := map[string]any{"type": answerLater}
	if i.wire.Type == interactionPress {
		answer["type"] = answerNothing
	} else {
		cmd, _ := i.c.command(i.wire.Data.Name)
		i.hidden = cmd.Private && !i.private()
		if i.hidden {
			answer["data"] = map[string]any{"flags": flagEphemeral}
		}
		i.wait(true)
	}
	if i.err = i.respond(ctx, answer); i.err == nil {
		return
	}
	i.c.log.Warn("discord: a command was not answered in time", "err", i.err)
	if unsure(i.err) {
		i.err = nil // Discord may have heard it: what follows finds out
		return
	}
	i.wait(false)
}

// wait notes whether the person sees that an answer is being made, and tells what was noted before.
func (i *interaction) wait(pending bool) (before bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before, i.pending = i.pending, pending
	return before
}

// respond gives the first answer.
func (i *interaction) respond(ctx context.Context, answer any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTime) // also at the end: the person waits
	defer cancel()
	c := call{what: doAnswer, method: "POST", path: "/interactions/" + i.wire.ID + "/" + i.wire.Token + "/callback", body: answer,
		token: true, unbound: true, once: true}
	err := i.c.rest.do(ctx, c, nil)
	for n := 0; unsure(err) && n < 3 && ctx.Err() == nil; n++ {
		if adapter.Pause(ctx, adapter.Jitter(i.c.rest.tick)) != nil {
			break
		}
		if err = i.c.rest.do(ctx, c, nil); is(err, codeAnswered) {
			return nil // the first try had arrived
		}
	}
	return err
}

// unsure reports whether err leaves open if the request was carried out.
func unsure(err error) bool {
	var e *apiError
	return err != nil && (!errors.As(err, &e) || e.status >= 500)
}

// message makes a Message of it when Discord was answered; ok is false if another program has answered, or if
// it is a press of nothing.
func (i *interaction) message(ctx context.Context) (m channels.Message, ok bool) {
	select {
	case <-i.acked:
	case <-ctx.Done():
		i.drop(ctx, restarting)
		return m, false
	}
	if is(i.err, codeAnswered) {
		return m, false
	}
	w := i.wire
	i.place = place{guild: w.Guild, channel: w.Channel}
	if w.Where != nil && w.Where.Parent != "" && w.Where.thread() {
		i.place.thread, i.place.parent = true, w.Where.Parent
	} else if w.Guild != "" {
		i.place = i.c.places.of(ctx, w.Guild, w.Channel)
	}
	i.c.mu.Lock()
	i.conv = i.place.conversation()
	i.c.mu.Unlock()
	m = channels.Message{
		Conversation: i.conv, ID: i.id(), From: i.user, Places: i.place.ids(), Private: i.private(), Addressed: true,
		Waits: w.Type == interactionCommand, Time: madeAt(w.ID),
	}
	if !m.Private && w.Guild == "" {
		m.Places = []channels.PlaceID{channels.PlaceID(w.Channel)}
	}
	if from := w.person(); from != nil {
		m.FromName = from.name()
	}
	if w.Member != nil {
		m.Roles = w.Member.Roles
		if w.Member.Nick != "" {
			m.FromName = w.Member.Nick
		}
	}
	if w.Type == interactionPress {
		m.Press = channels.PressID(w.Data.CustomID)
		if len(w.Data.Values) > 0 {
			m.Press = channels.PressID(w.Data.Values[0])
		}
		m.Answers = i.c.shownAs(w.Message)
		return m, m.Press != ""
	}
	m.Text = i.line()
	return m, true
}

// line writes the command as it would be typed, its options in the order of the command's arguments.
func (i *interaction) line() string {
	words := []string{"/" + i.wire.Data.Name}
	cmd, _ := i.c.command(i.wire.Data.Name)
	options := slices.Clone(i.wire.Data.Options)
	rank := func(o wireOption) int {
		return slices.IndexFunc(cmd.Args, func(a channels.Arg) bool { return optionName(a.Name) == o.Name })
	}
	slices.SortStableFunc(options, func(a, b wireOption) int { return rank(a) - rank(b) })
	for _, o := range options {
		words = append(words, o.text())
	}
	return strings.Join(words, " ")
}

// complete answers what an argument may be, as it is typed.
func (i *interaction) complete(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
	defer cancel()
	cmd, _ := i.c.command(i.wire.Data.Name)
	choices := []map[string]string{}
	for _, o := range i.wire.Data.Options {
		if !o.Focused {
			continue
		}
		for _, a := range cmd.Args {
			if optionName(a.Name) != o.Name || a.Complete == nil {
				continue
			}
			for _, v := range a.Complete(ctx, o.text()) {
				if len(choices) < 25 && v != "" && len([]rune(v)) <= 100 {
					choices = append(choices, map[string]string{"name": v, "value": v})
				}
			}
		}
	}
	if err := i.respond(ctx, map[string]any{"type": answerChoices, "data": map[string]any{"choices": choices}}); err != nil {
		i.c.log.Debug("discord: completions were not shown", "err", err)
	}
}

// drop tells the person that the command or press was not taken.
func (i *interaction) drop(ctx context.Context, text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTime) // it is told also at the end
	i.c.tasks.Go(func() {
		defer cancel()
		select {
		case <-i.acked:
		case <-ctx.Done():
		}
		if _, err := i.post(ctx, wirePost{Content: text}, nil, !i.waits(), false); err != nil {
			i.c.log.Warn("discord: a command was lost, and its person could not be told", "err", err)
		}
	})
}

// post shows a message by the interaction's token: in place of "an answer is being made", else as a new one. hidden
// says that its person alone may see it; it fails rather than to show it to all.
func (i *interaction) post(ctx context.Context, p wirePost, files []channels.File, hidden, partial bool) (wireShown, error) {
	select {
	case <-i.acked:
	case <-ctx.Done():
		return wireShown{}, ctx.Err()
	}
	if i.err != nil || time.Now().After(i.until) {
		return wireShown{}, unsupported("the time to answer this command has passed")
	}
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return wireShown{}, ctx.Err()
	}
	first := i.wait(false)
	if first && hidden && !i.hidden && !i.private() {
		// All see that an answer is being made, and would see the answer itself.
		if _, err := i.edit(ctx, "@original", wirePost{Content: "The answer is for one person alone."}, nil, false); err != nil {
			i.wait(true)
			return wireShown{}, err
		}
		first = false
		defer func() {
			if err := i.remove(ctx, "@original"); err != nil {
				i.c.log.Debug("discord: the word about a hidden answer stays", "err", err)
			}
		}()
	}
	p.Nonce, p.EnforceNonce, p.Reference = "", false, nil
	p.Mentions.Parse = []string{}
	p.Flags |= flagNoPreviews
	if first {
		m, err := i.edit(ctx, "@original", p, files, partial)
		i.wait(err != nil)
		return m, err
	}
	if hidden {
		p.Flags |= flagEphemeral
	}
	c, err := withFiles(call{what: doAnswer, method: "POST", path: i.webhook(), route: "/webhooks/#/#", major: i.wire.ID, token: true, once: true,
		partial: partial}, p, files)
	if err != nil {
		return wireShown{}, err
	}
	var m wireShown
	if err := i.tokenErr(i.c.rest.do(ctx, c, &m)); err != nil {
		return m, err
	}
	if hidden && m.Flags&flagEphemeral == 0 && !i.private() {
		if err := i.remove(ctx, m.ID); err != nil {
			i.c.log.Error("discord: what was for one person alone is shown to all", "err", err)
		}
		return m, unsupported("Discord showed to all what was for one person")
	}
	return m, nil
}

// edit changes a message that was posted by the interaction's token; "@original" is its first answer, or the message
// that bears the button.
func (i *interaction) edit(ctx context.Context, id string, p wirePost, files []channels.File, partial bool) (wireShown, error) {
	p.Nonce, p.EnforceNonce, p.Reference = "", false, nil
	p.Mentions.Parse = []string{}
	if p.Components == nil {
		p.Components = []wireComponent{}
	}
	c, err := withFiles(call{what: doEdit, method: "PATCH", path: i.webhook() + "/messages/" + id, route: "/webhooks/#/#/messages/#",
		major: i.wire.ID, token: true, partial: partial}, p, files)
	if err != nil {
		return wireShown{}, err
	}
	var m wireShown
	err = i.tokenErr(i.c.rest.do(ctx, c, &m))
	return m, err
}

func (i *interaction) remove(ctx context.Context, id string) error {
	return i.tokenErr(i.c.rest.do(ctx, call{what: "delete", method: "DELETE", path: i.webhook() + "/messages/" + id,
		route: "/webhooks/#/#/messages/#", major: i.wire.ID, token: true}, nil))
}

func (i *interaction) webhook() string { return "/webhooks/" + i.wire.App + "/" + i.wire.Token }

// tokenErr turns the end of the token's time, or of the answers that it allows, into ErrUnsupported.
func (i *interaction) tokenErr(err error) error {
	if is(err, codeUnknownWebhook, codeUnknownInteraction, codeTokenOver, codeAnswersOver) {
		return unsupported("the time to answer this command has passed")
	}
	return err
}

// waits reports whether the person sees that an answer is being made.
func (i *interaction) waits() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.pending
}
