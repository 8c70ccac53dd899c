package discord

import (
	"context"
	"time"

	"chatgateway/internal/adapter"
)

// The mark of a channel is the id of the last message taken from it; its note is the channel's guild.
const (
	marksKey  = "channels"
	markKey   = "last:"
	knownMost = 200 // channels that are read at a start; the ones silent for longest go first
)

// loadMarks reads what earlier runs kept.
func loadMarks(ctx context.Context, read func(context.Context, string) (string, error)) (*adapter.Marks, error) {
	return adapter.LoadMarks(ctx, read, marksKey, markKey, knownMost)
}

// met makes a channel known before anything came from it, so that an answer missed there is found.
func (in *inbox) met(s source) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.fresh) < 1000 {
		in.fresh = append(in.fresh, s)
	}
}

// meet makes a channel known from now on.
func (in *inbox) meet(s source) { in.marks.Meet(s.channel, s.guild, idAt(time.Now())) }

// pass notes that a message is not for the bot.
func (in *inbox) pass(s source, id string) {
	n, _ := snowflake(id)
	in.marks.Pass(s.channel, n)
}

// reach notes that a message is handed in.
func (in *inbox) reach(s source, id string) {
	n, _ := snowflake(id)
	in.marks.Reach(s.channel, s.guild, n)
}
