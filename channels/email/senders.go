package email

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message/textproto"

	"chatgateway/internal/lazyregexp"
)

// trusted are the names that the receiving server puts first in Authentication-Results.
func (c *channel) trusted() []string {
	if len(c.set.AuthServID) > 0 {
		return c.set.AuthServID
	}
	if strings.HasSuffix("."+strings.ToLower(c.set.IMAPHost), ".gmail.com") {
		return []string{"mx.google.com"}
	}
	return nil
}

// vouched reports whether the receiving server says that a mail is from the domain of that address: its DMARC passed,
// or a DKIM signature of that domain, or of one above it. Only the topmost header of a trusted server counts: it is
// put above what came, and what stands below may have been written by the sender.
func vouched(h *textproto.Header, from string, trusted []string) bool {
	_, domain, _ := strings.Cut(from, "@")
	fields := h.FieldsByKey("Authentication-Results")
	for fields.Next() {
		id, results, ok := authResults(fields.Value())
		if !ok || !isTrusted(id, trusted) {
			continue
		}
		for _, r := range results {
			if r.method == "dmarc" && r.result != "pass" {
				return false // DMARC is the last word where it was asked
			}
		}
		for _, r := range results {
			if r.result != "pass" {
				continue
			}
			if r.method == "dmarc" && r.props["header.from"] == domain {
				return true
			}
			if r.method == "dkim" && aligned(r.props, domain) {
				return true
			}
		}
		return false
	}
	return false
}

func isTrusted(id string, trusted []string) bool {
	for _, t := range trusted {
		if strings.EqualFold(id, strings.TrimSpace(t)) {
			return true
		}
	}
	return false
}

// aligned reports whether a signature is of the domain, or of one that it belongs to. A top-level domain owns nobody.
func aligned(props map[string]string, domain string) bool {
	by := props["header.d"]
	if by == "" {
		_, by, _ = strings.Cut(props["header.i"], "@")
	}
	return by != "" && strings.Contains(by, ".") && (by == domain || strings.HasSuffix(domain, "."+by))
}

// authResult is one result of RFC 8601: dkim=pass header.d=example.org.
type authResult struct {
	method, result string
	props          map[string]string
}

// authResults reads an Authentication-Results. What is not written as the RFC says is not believed.
func authResults(field string) (id string, list []authResult, ok bool) {
	tokens, ok := lex(field)
	if !ok || len(tokens) == 0 {
		return "", nil, false
	}
	var group []string
	var groups [][]string
	for _, t := range tokens {
		if t == ";" {
			groups, group = append(groups, group), nil
			continue
		}
		group = append(group, t)
	}
	groups = append(groups, group)
	head := groups[0]
	if len(head) == 0 || len(head) > 2 || strings.Contains(head[0], "=") {
		return "", nil, false // a second word is the version
	}
	for _, g := range groups[1:] {
		if r, ok := readResult(g); ok {
			list = append(list, r)
		}
	}
	return strings.ToLower(head[0]), list, true
}

func readResult(words []string) (r authResult, ok bool) {
	r.props = map[string]string{}
	for i, w := range words {
		k, v, found := strings.Cut(w, "=")
		if !found {
			return r, false
		}
		k, v = strings.ToLower(k), strings.ToLower(v)
		if i == 0 {
			k, _, _ = strings.Cut(k, "/") // the method's version
			r.method, r.result = k, v
			continue
		}
		if _, twice := r.props[k]; twice {
			return r, false
		}
		r.props[k] = v
	}
	return r, r.method != ""
}

// lex splits a field into words and semicolons. Comments are left out, quotes taken off; "=" binds what stands around
// it, spaces or none. It fails where a comment or a quote does not end.
func lex(s string) (tokens []string, ok bool) {
	var word strings.Builder
	depth, quoted, open := 0, false, false
	flush := func() {
		if word.Len() > 0 || open {
			tokens = append(tokens, word.String())
		}
		word.Reset()
		open = false
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch == '\\' && (quoted || depth > 0):
			if i++; i < len(s) && quoted {
				word.WriteByte(s[i])
			}
		case quoted && ch == '"':
			quoted = false
		case quoted:
			if ch == ';' || ch == '=' || ch == ' ' {
				return nil, false // no value that matters here has one; better not read than misread
			}
			word.WriteByte(ch)
		case ch == '(':
			depth++
		case ch == ')':
			if depth--; depth < 0 {
				return nil, false
			}
		case depth > 0:
		case ch == '"':
			quoted, open = true, true
		case ch == ';':
			flush()
			tokens = append(tokens, ";")
		case ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n':
			next := strings.TrimLeft(s[i:], " \t\r\n")
			if strings.HasSuffix(word.String(), "=") || strings.HasPrefix(next, "=") {
				continue
			}
			flush()
		default:
			word.WriteByte(ch)
		}
	}
	flush()
	return tokens, depth == 0 && !quoted
}

var (
	errReport = errors.New("it is a delivery report")
	errRate   = errors.New("its sender wrote too many mails this hour")
	robots    = lazyregexp.New(`^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|.*-bounces?|auto-?reply|.*[-+._]no-?reply|no-?reply[-+._].*|bounces?[-+].*)@`)
)

// judge says why a mail is not taken: a machine sent it, or there were too many. Answers to such mails go round and
// round (RFC 3834).
func (c *channel) judge(m *letterIn, now time.Time) error {
	if m.report {
		return errReport
	}
	if why := automatic(&m.header, m.from); why != "" {
		return errors.New("a machine sent it: " + why)
	}
	if m.from == strings.ToLower(c.own()) {
		return errors.New("it is from the bot's own address")
	}
	if m.vouched && !c.rates.take(m.from, m.id, now) {
		return errRate
	}
	return nil
}

// automatic says by what a mail is known to be sent by a machine; "" if it is not.
func automatic(h *textproto.Header, from string) string {
	if v := h.Get("Auto-Submitted"); v != "" && !strings.EqualFold(strings.TrimSpace(cutAt(v, ";(")), "no") {
		return "Auto-Submitted"
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Precedence"))) {
	case "bulk", "junk", "list", "auto_reply", "auto-reply":
		return "Precedence"
	}
	for f := h.Fields(); f.Next(); {
		k := strings.ToLower(f.Key())
		switch {
		case strings.HasPrefix(k, "list-"), k == "x-autoreply", k == "x-autorespond", k == "x-autoreply-from", k == "x-mail-autoreply",
			k == "x-autogenerated", k == "x-failed-recipients", k == "x-loop", k == "x-auto-response-suppress" && !strings.EqualFold(strings.TrimSpace(f.Value()), "none"):
			return f.Key()
		case k == "return-path" && strings.Trim(f.Value(), " <>\t") == "":
			return "an empty return path"
		}
	}
	if id := messageIDs.FindStringSubmatch(h.Get("Message-Id")); id != nil {
		if _, ok := marked(id[1]); ok {
			return "a gateway such as this one"
		}
	}
	if from != "" && robots.MatchString(from) {
		return "the address " + strings.SplitN(from, "@", 2)[0]
	}
	return ""
}

func cutAt(s, any string) string {
	if i := strings.IndexAny(s, any); i >= 0 {
		return s[:i]
	}
	return s
}

// rates count the mails of each sender within an hour.
type rates struct {
	most int
	mu   sync.Mutex
	seen map[string][]counted // guarded by mu
}

type counted struct {
	id string
	at time.Time
}

// take reports whether one more is taken of that sender; a mail that was counted before is. The time is when the mail
// came: what waited for long is not a flood.
func (r *rates) take(who, id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil || len(r.seen) > 10000 {
		r.seen = map[string][]counted{}
	}
	list := slices.DeleteFunc(r.seen[who], func(c counted) bool { return now.Sub(c.at) > time.Hour })
	r.seen[who] = list
	if slices.ContainsFunc(list, func(c counted) bool { return c.id == id }) {
		return true
	}
	if len(list) >= r.most {
		return false
	}
	r.seen[who] = append(list, counted{id, now})
	return true
}
