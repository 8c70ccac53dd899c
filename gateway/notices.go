package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/commands"
	"chatgateway/internal/status"
	"chatgateway/store"
)

const (
	noticeMark  = "told"             // the mark that says what the owners were told of an account
	noticeAgain = 7 * 24 * time.Hour // the same is told again after it
	noticeMost  = 20                 // that many are told of an account a day
)

// Tell writes to the owners of the accounts, each in private, where there is a private way to them. It reports whether
// anybody was told.
func (g *Gateway) Tell(ctx context.Context, owners map[channels.AccountID][]channels.UserID, text string, choices ...commands.Choice) (told bool) {
	for account, people := range owners {
		if a := g.account(account); a == nil || a.snapshot().State == status.Rejected {
			continue
		}
		for _, u := range people {
			conv, err := g.direct(ctx, store.Conv{Account: account}, u)
			if err != nil {
				continue
			}
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			buttons, err := g.choices(ctx, conv, u, choices, 7*24*time.Hour)
			if err == nil {
				if ch := g.account(account).channel(); ch != nil {
					_, err = ch.Send(ctx, channels.Post{To: conv.Conversation, Text: g.o.Secrets.Mask(text), Choices: buttons})
					told = told || err == nil
				}
			}
			cancel()
			if err != nil {
				g.log.Warn("owner not told", "account", string(account), "err", err)
			}
		}
	}
	return told
}

// tellOnce tells the owners what an account needs, each sentence once, also after a restart; of other causes it is
// another one. It reports whether they know all of it. What is being told meanwhile comes with the next report.
func (g *Gateway) tellOnce(ctx context.Context, a *account, cause string, sentences ...string) (known bool) {
	if g.o.Hooks.Owners == nil {
		return true
	}
	if !a.telling.TryLock() {
		return false
	}
	defer a.telling.Unlock()
	mark, err := g.o.Store.Mark(ctx, a.ID, noticeMark)
	if err != nil {
		return false
	}
	told := readNotices(mark, time.Now())
	var fresh []string
	for _, s := range sentences {
		if id := noticeID(cause, s); !told.has(id) && told.today() < noticeMost {
			fresh, told = append(fresh, s), append(told, notice{time.Now().Unix(), id})
		}
	}
	if len(fresh) == 0 {
		return true
	}
	name := a.Service.Title
	if string(a.ID) != a.Service.Name {
		name += fmt.Sprintf(" (`%s`)", a.ID)
	}
	if !g.Tell(ctx, g.o.Hooks.Owners(), "**"+name+":** "+strings.Join(fresh, "\n\n")) {
		return false
	}
	if _, err := g.o.Store.Keep(context.WithoutCancel(ctx), a.ID, nil, map[string]string{noticeMark: told.String()}, nil); err != nil {
		g.log.Warn("that the owners were told is not kept; they may be told again", "account", string(a.ID), "err", err)
	}
	return true
}

// notices are what the owners were told of an account in the last week: when, and a fingerprint of it.
type notices []notice

type notice struct {
	at int64 // Unix seconds
	id string
}

func noticeID(cause, sentence string) string {
	sum := sha256.Sum256([]byte(cause + "\n" + sentence))
	return hex.EncodeToString(sum[:8])
}

// readNotices reads a mark; what is older than a week is left out.
func readNotices(mark string, now time.Time) (list notices) {
	for line := range strings.Lines(mark) {
		var n notice
		if _, err := fmt.Sscan(line, &n.at, &n.id); err == nil && now.Sub(time.Unix(n.at, 0)) < noticeAgain {
			list = append(list, n)
		}
	}
	return list
}

func (l notices) String() string {
	var b strings.Builder
	for _, n := range l {
		fmt.Fprintln(&b, n.at, n.id)
	}
	return b.String()
}

func (l notices) has(id string) bool {
	return slices.ContainsFunc(l, func(n notice) bool { return n.id == id })
}

// today counts those of the last day.
func (l notices) today() (count int) {
	for _, n := range l {
		if time.Since(time.Unix(n.at, 0)) < 24*time.Hour {
			count++
		}
	}
	return count
}
