// Package channeltest holds the promises that every channel must keep, as tests, and Fake, a chat service in memory
// that keeps them too.
package channeltest

import (
	"testing"
	"time"

	"chatgateway/channels"
)

// Peer is the chat service as the suite drives it: a fake, or a real server. Persons are named "ann", "bob", …; the
// peer makes accounts of its service for them. Every method returns only when the service has carried it out.
type Peer interface {
	// Say makes a person send the bot a message: privately, or in a group that the bot is in, addressed to it.
	Say(t testing.TB, l Line)
	// Shown lists what the bot has posted in that place and is visible to the viewer now, oldest first, as plain text or
	// the service's own markup.
	Shown(t testing.TB, viewer string, group bool) []Shown
}

// Line is something said to the bot.
type Line struct {
	Person string
	Text   string // without the mention, which the peer adds in a group
	Group  bool
}

// Shown is a message of the bot's as the service shows it.
type Shown struct {
	ID      channels.MessageID
	Text    string
	Buttons []string // labels
}

// What a peer may do besides. The suite leaves out the promises whose ability the harness does not have, but a harness
// lists them in Without, so that none is left out by mistake.
type (
	// Cutter cuts every connection; new ones are taken at once.
	Cutter interface{ Cut(t testing.TB) }
	// Limiter makes the service refuse the next post or edit once, asking to wait d.
	Limiter interface {
		Limit(t testing.TB, d time.Duration)
	}
	// Presser presses a button of a message shown.
	Presser interface {
		Press(t testing.TB, person string, group bool, s Shown, label string)
	}
	// Repeater delivers the last message again, as services do when in doubt.
	Repeater interface{ Repeat(t testing.TB) }
	// Eraser tells which messages of persons still exist, so that Delete can be seen.
	Eraser interface {
		Exists(t testing.TB, id channels.MessageID) bool
	}
	// Filler fills in the form that Ask shows to a person.
	Filler interface {
		Fill(t testing.TB, person, answer string)
	}
)

// Names of what a harness may be without.
const (
	Groups    = "groups"    // the service has none
	Cuts      = "cuts"      // no connection that could be cut
	LimitsOf  = "limits"    // no rate limits
	Presses   = "presses"   // no buttons
	Repeats   = "repeats"   // never delivers twice
	Deletes   = "deletes"   // channels.Deleter
	Edits     = "edits"     // channels.Editor
	Asks      = "asks"      // channels.Asker
	Keys      = "keys"      // a Key twice is two messages
	Onlys     = "only"      // Only cannot be done in groups: ErrUnsupported
	Typing    = "typing"    // channels.Typist
	Directs   = "directs"   // channels.Director
	Rejects   = "rejects"   // no credentials
	Privates  = "privates"  // no private conversations
	People    = "people"    // everybody who gets in is the same person, in conversations of their own
	Redeliver = "redeliver" // the service has no confirmation: the adapter keeps what the handler refused itself
)

// Harness is one channel ready to be tested. A fresh one is made for every check.
type Harness struct {
	Service  channels.Service
	Settings any               // filled: addresses, names
	Secrets  map[string]string // fake secrets that the peer accepts
	Bad      map[string]string // fake secrets that it refuses
	Peer     Peer
	Without  []string // what the service, or the peer, cannot do
	// Text turns the suite's text into what the service shows of it; nil: as it is.
	Text func(string) string
	// Wait bounds every wait; 0: 10 s.
	Wait time.Duration
}
