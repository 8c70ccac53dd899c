package email

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-message/textproto"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// tellBounce is how long the account says that an answer came back.
const tellBounce = time.Hour

// cameBack takes a delivery report in. The log has all of them; the account's state has only those about an answer of
// its own to the one who did not get it, for anybody can send a report; the owners are told. m is nil if it could not be read.
func (c *channel) cameBack(ctx context.Context, m *letterIn) error {
	if m == nil || len(m.lost) == 0 {
		return nil
	}
	c.o.Log.Warn("email: mail came back; these did not get it", "who", strings.Join(m.lost, ", "))
	mark, ok := marked(m.about)
	if !ok {
		return nil
	}
	th, ok, err := c.find(ctx, mark)
	if err != nil || !ok {
		return err
	}
	t, _ := parseTalk(channels.ConversationID(th.Talk)) // find has read it
	for _, l := range m.lost {
		if who, why, _ := strings.Cut(l, " "); who == t.person {
			say := fmt.Sprintf("An answer to %s came back (%s). What the mail server says of it is in the mailbox.", who, orElse(why, "not delivered"))
			c.troubles.set("bounce "+who, say, time.Now().Add(tellBounce))
		}
	}
	return nil
}

// idWithin is the Message-ID of a mail, or of its header alone; empty if it has none.
func idWithin(raw []byte) string {
	head, _ := divide(raw)
	h, _ := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(tidy(head)))) // as far as it goes
	if id := messageIDs.FindStringSubmatch(h.Get("Message-Id")); id != nil {
		return id[1]
	}
	return ""
}

var finalRecipient = lazyregexp.New(`(?i)^(?:rfc822|utf-8)\s*;\s*(\S+)$`)

// undelivered reads a delivery status (RFC 3464, RFC 6533): who did not get the mail, and why.
func undelivered(body []byte) (list []string) {
	in := bufio.NewReader(bytes.NewReader(body))
	for range maxParts {
		h, err := textproto.ReadHeader(in)
		if err != nil && h.Len() == 0 {
			return list
		}
		to := finalRecipient.FindStringSubmatch(strings.TrimSpace(h.Get("Final-Recipient")))
		if to == nil || !strings.EqualFold(strings.TrimSpace(h.Get("Action")), "failed") {
			continue
		}
		if who, ok := address(to[1]); ok {
			list = append(list, strings.TrimSpace(who+" "+statusForm.FindString(h.Get("Status"))))
		}
	}
	return list
}

var statusForm = lazyregexp.New(`[245]\.\d{1,3}\.\d{1,3}`)
