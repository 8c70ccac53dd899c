package email

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// forgeries are headers above a From of owner@good.example, and whether they prove it. Lines are separated by "\n".
var forgeries = []struct {
	name, header string
	from         string // "": owner@good.example
	good         bool
}{
	{name: "dmarc", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example", good: true},
	{name: "dkim", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=good.example header.s=x", good: true},
	{name: "dkim by i", header: "Authentication-Results: mx.gateway.example; dkim=pass header.i=@good.example", good: true},
	{name: "dkim of the domain above", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=good.example", from: "owner@mail.good.example", good: true},
	{name: "version, comments, folding, case", header: "Authentication-Results: MX.gateway.example 1;\n\tdkim=fail (bad; dmarc=pass header.from=x) header.d=evil.example;\n DMARC = Pass (p=none) header.from=Good.Example", good: true},
	{name: "second signature", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=list.example; dkim=pass header.d=good.example", good: true},
	{name: "genuine above forged", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example\nAuthentication-Results: evil.example; dmarc=fail header.from=good.example", good: true},

	{name: "none at all", header: "X: y"},
	{name: "another server's", header: "Authentication-Results: evil.example; dmarc=pass header.from=good.example"},
	{name: "forged below genuine", header: "Authentication-Results: mx.gateway.example; dmarc=fail header.from=good.example\nAuthentication-Results: mx.gateway.example; dmarc=pass header.from=good.example"},
	{name: "forged below one that says nothing", header: "Authentication-Results: mx.gateway.example; none\nAuthentication-Results: mx.gateway.example; dmarc=pass header.from=good.example"},
	{name: "forged below spf alone", header: "Authentication-Results: mx.gateway.example; spf=pass smtp.mailfrom=evil.example\nAuthentication-Results: mx.gateway.example; dkim=pass header.d=good.example"},
	{name: "spf alone", header: "Authentication-Results: mx.gateway.example; spf=pass smtp.mailfrom=owner@good.example"},
	{name: "dkim of another domain", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=evil.example"},
	{name: "dkim of a name that ends alike", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=ood.example"},
	{name: "dkim of a domain below", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=x.good.example"},
	{name: "dkim of the top-level domain", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=example"},
	{name: "alias in header.i", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=evil.example header.i=owner@good.example"},
	{name: "dmarc of another From", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=evil.example"},
	{name: "dmarc without header.from", header: "Authentication-Results: mx.gateway.example; dmarc=pass"},
	{name: "dmarc fails though a signature passes", header: "Authentication-Results: mx.gateway.example; dkim=pass header.d=good.example; dmarc=fail header.from=good.example"},
	{name: "only in a comment", header: "Authentication-Results: mx.gateway.example; none (dmarc=pass header.from=good.example)"},
	{name: "comment that never ends", header: "Authentication-Results: mx.gateway.example (; dmarc=pass header.from=good.example"},
	{name: "quoted semicolon", header: "Authentication-Results: mx.gateway.example; spf=fail reason=\"x; dmarc=pass header.from=good.example\""},
	{name: "words of the sender's within", header: "Authentication-Results: mx.gateway.example; spf=fail smtp.mailfrom=\"a; dmarc=pass header.from=good.example\"@evil.example"},
	{name: "property twice", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=evil.example header.from=good.example"},
	{name: "id with more", header: "Authentication-Results: mx.gateway.example.evil.example; dmarc=pass header.from=good.example"},
	{name: "id as a word of another", header: "Authentication-Results: evil.example mx.gateway.example; dmarc=pass header.from=good.example"},
	{name: "id in a comment", header: "Authentication-Results: (mx.gateway.example) evil.example; dmarc=pass header.from=good.example"},
	{name: "no id", header: "Authentication-Results: dmarc=pass header.from=good.example"},
	{name: "another header", header: "ARC-Authentication-Results: i=1; mx.gateway.example; dmarc=pass header.from=good.example"},
	{name: "original", header: "X-Original-Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example"},
	{name: "pass as a part", header: "Authentication-Results: mx.gateway.example; dmarc=passed header.from=good.example"},
	{name: "two From", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example\nFrom: evil@evil.example"},
	{name: "two addresses", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example", from: "owner@good.example, evil@evil.example"},
	{name: "address as a name", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example", from: "\"owner@good.example\" <evil@evil.example>"},
	{name: "group", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example", from: "x: owner@good.example, a@evil.example;"},
	{name: "quoted local part", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example", from: "\"owner@good.example> <x\"@good.example"},
	{name: "name that looks alike", header: "Authentication-Results: mx.gateway.example; dmarc=pass header.from=good.example", from: "owner@gооd.example"},
}

func TestForgedSenders(t *testing.T) {
	t.Parallel()
	c := ready(t)
	for _, s := range forgeries {
		from := orElse(s.from, "Owner <owner@good.example>")
		raw := strings.ReplaceAll(s.header, "\n", "\r\n") + "\r\nFrom: " + from + "\r\nMessage-ID: <1@x.example>\r\n\r\nobey me\r\n"
		m, err := c.parse([]byte(raw), false)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if got := m.message(time.Now()).From != ""; got != s.good {
			t.Errorf("%s: vouched for: %v, from %q; want %v", s.name, got, m.from, s.good)
		}
	}
	none := ready(t)
	none.set.AuthServID = nil
	if m, err := none.parse([]byte("Authentication-Results: ; dmarc=pass header.from=good.example\r\nFrom: owner@good.example\r\n\r\n"), false); err != nil || m.vouched {
		t.Error("without authserv_id somebody is vouched for")
	}
}

func TestMachines(t *testing.T) {
	t.Parallel()
	c := ready(t)
	c.set.Address, c.rates.most = "bot@gateway.example", 3
	mail := func(from, extra string) error {
		raw := "Authentication-Results: mx.gateway.example; dmarc=pass header.from=people.example\r\n" + extra + "From: " + from + "\r\nMessage-ID: <" + fmt.Sprint(len(extra), from) + ">\r\n\r\nhello\r\n"
		m, err := c.parse([]byte(raw), false)
		if err != nil {
			t.Fatal(err)
		}
		return c.judge(m, time.Now())
	}
	for _, extra := range []string{
		"Auto-Submitted: auto-replied\r\n", "Auto-Submitted: auto-generated (x)\r\n", "Precedence: bulk\r\n", "Precedence: List\r\n", "List-Id: <x.example>\r\n",
		"List-Unsubscribe: <mailto:x@y.example>\r\n", "X-Autoreply: yes\r\n", "X-Auto-Response-Suppress: All\r\n", "Return-Path: <>\r\n", "X-Failed-Recipients: a@b.example\r\n",
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
	} {
		if mail("ann@people.example", extra) == nil {
			t.Errorf("a mail with %q is answered", extra)
		}
	}
	for _, from := range []string{
		"mailer-daemon@people.example", "Postmaster@people.example", "no-reply@people.example", "noreply+1@people.example", "do-not-reply@people.example",
		"shop-noreply@people.example", "bounces@people.example", "list-bounces@people.example", "bounce+77@people.example", "bot@gateway.example",
	} {
		if mail(from, "") == nil {
			t.Errorf("a mail from %s is answered", from)
		}
	}
	gateways := "Authentication-Results: mx.gateway.example; dmarc=pass header.from=people.example\r\nFrom: ann@people.example\r\nMessage-ID: <" +
		c.messageID(talk{"m1@people.example", ann}, "t1.0") + ">\r\n\r\nhello\r\n" // all else that marks it was taken out on its way
	if m, err := c.parse([]byte(gateways), false); err != nil || c.judge(m, time.Now()) == nil {
		t.Errorf("a mail of another gateway is answered (%v)", err)
	}
	for _, extra := range []string{"", "Auto-Submitted: no\r\n", "Return-Path: <ann@people.example>\r\n"} {
		if err := mail("ann@people.example", extra); err != nil {
			t.Errorf("a person's mail with %q is not answered: %v", extra, err)
		}
	}
	if mail("ann@people.example", "X-More: 1\r\n") == nil {
		t.Error("the fourth mail within an hour is taken; want three")
	}
	if err := mail("ann@people.example", ""); err != nil {
		t.Errorf("a mail that was taken before is not taken again: %v", err)
	}
}
