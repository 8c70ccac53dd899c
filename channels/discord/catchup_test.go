package discord

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chatgateway/channels/discord/discordtest"
)

// TestMissedLongAgo: nobody waits any more for an answer to what was said more than a day ago.
func TestMissedLongAgo(t *testing.T) {
	t.Parallel()
	b := newBot(t, discordtest.Options{}, nil).start()
	b.says(discordtest.Said{Person: "ann", Text: "known"})
	b.Stop()
	b.s.Say(discordtest.Said{Person: "ann", Text: "two days ago", Ago: 48 * time.Hour})
	b.s.Say(discordtest.Said{Person: "ann", Text: "this morning", Ago: 12 * time.Hour})
	b.Mark(markKey+b.s.Direct("ann"), fmt.Sprint(idAt(time.Now().Add(-72*time.Hour))))
	b.open(nil)
	b.start()
	b.Heard("this morning")
	if slices.Contains(b.Texts(), "two days ago") {
		t.Error("what is too old was taken")
	}
}
