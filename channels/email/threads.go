package email

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"chatgateway/channels"
)

// talk is a conversation: the thread that began with the mail root, as far as it is held with person. Its id holds
// both, so that it needs no memory.
type talk struct{ root, person string }

func (t talk) conversation() channels.ConversationID {
	return channels.ConversationID(t.root + " " + t.person)
}

func parseTalk(id channels.ConversationID) (talk, error) {
	root, person, _ := strings.Cut(string(id), " ")
	if who, ok := address(person); !ok || who != person || root == "" {
		return talk{}, fmt.Errorf("email: this is no conversation here: %w", channels.ErrGone)
	}
	return talk{root, person}, nil
}

// mark names the thread in the Message-IDs of the bot's mails, by which it is found where an answer names nothing else.
func (t talk) mark() string {
	sum := sha256.Sum256([]byte(t.conversation()))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10]))
}

// slots are how many threads are kept at the most. A new thread takes the place of an old one; what is lost then is
// the subject and the middle of the chain.
const (
	slots   = 2048
	maxRefs = 60 // mails of a thread that are named in it
)

func slot(mark string) string {
	sum := sha256.Sum256([]byte(mark))
	return "thread:" + strconv.Itoa(int(binary.BigEndian.Uint16(sum[:])%slots))
}

// thread is what a reply needs to know. It is kept as a mark, in the commit of the mail that it is of. One with an Index
// says no more than to which talk the mails of that Thread-Index belong.
type thread struct {
	Talk    string   `json:"talk"`
	Subject string   `json:"subject,omitempty"`
	Refs    []string `json:"refs,omitempty"` // Message-IDs from the first to the last
	Index   string   `json:"index,omitempty"`
}

// mark names what is kept.
func (th thread) mark() string {
	if th.Index != "" {
		return th.Index
	}
	t, _ := parseTalk(channels.ConversationID(th.Talk)) // the mark of none fits nothing
	return t.mark()
}

// threads remembers them, so that not every reply reads the store.
type threads struct {
	mu   sync.Mutex
	kept map[string]thread // guarded by mu: by slot
}

func (t *threads) put(key string, th thread) {
	once(&t.mu, func() {
		if t.kept == nil {
			t.kept = map[string]thread{}
		}
		t.kept[key] = th
	})
}

// note keeps a thread among the marks of a batch, and remembers it for the next mail.
func (c *channel) note(marks map[string]string, th thread) error {
	text, err := json.Marshal(th)
	if err != nil {
		return fmt.Errorf("email: keep the thread: %w", err)
	}
	marks[slot(th.mark())] = string(text)
	c.threads.put(slot(th.mark()), th)
	return nil
}

// remember keeps what was marked, if it is a thread.
func (c *channel) remember(key, text string) {
	var th thread
	if strings.HasPrefix(key, "thread:") && json.Unmarshal([]byte(text), &th) == nil {
		c.threads.put(key, th)
	}
}

// find gives what is known of the thread with that mark.
func (c *channel) find(ctx context.Context, mark string) (thread, bool, error) {
	key := slot(mark)
	var th thread
	var ok bool
	once(&c.threads.mu, func() { th, ok = c.threads.kept[key] })
	if !ok {
		text, err := c.o.Mark(ctx, key)
		if err != nil {
			return thread{}, false, fmt.Errorf("email: read the thread: %w", err)
		}
		if text == "" || json.Unmarshal([]byte(text), &th) != nil {
			return thread{}, false, nil //nolint:nilerr // none, or none of ours
		}
	}
	if _, err := parseTalk(channels.ConversationID(th.Talk)); err != nil || th.mark() != mark {
		return thread{}, false, nil //nolint:nilerr // another thread took the place
	}
	return th, true, nil
}

// place finds the talk that a mail belongs to, and how the thread stands with it.
func (c *channel) place(ctx context.Context, m *letterIn) (talk, thread, error) {
	root := m.id
	if len(m.refs) > 0 {
		root = m.refs[0]
	}
	t := talk{root, m.from}
	// Some programs name only what is answered. If that is the bot's, it says which thread it is in.
	for _, ref := range slices.Backward(m.refs) {
		mark, ok := marked(ref)
		if !ok {
			continue
		}
		th, ok, err := c.find(ctx, mark)
		if err != nil {
			return t, thread{}, err
		}
		if was, err := parseTalk(channels.ConversationID(th.Talk)); ok && err == nil && was.person == m.from {
			t = was
		}
		break
	}
	old, known, err := c.find(ctx, t.mark())
	if err == nil && !known && m.index != "" {
		t, old, err = c.indexed(ctx, m, t)
	}
	if err != nil {
		return t, thread{}, err
	}
	refs := m.refs
	if n := len(old.Refs); n > len(refs) || n > 0 && (len(refs) == 0 || refs[0] != old.Refs[0]) {
		refs = append(slices.Clone(old.Refs), refs...)
	}
	return t, thread{Talk: string(t.conversation()), Subject: m.subject, Refs: chain(append(refs, m.id))}, nil
}

// indexed finds the talk of a mail by the thread that the server, or its Thread-Index, says it to be in: some servers
// give mails other Message-IDs than they were sent with, and what names those names nothing that is known. It is other
// if there is none.
func (c *channel) indexed(ctx context.Context, m *letterIn, other talk) (talk, thread, error) {
	at, ok, err := c.find(ctx, m.index)
	if err != nil || !ok {
		return other, thread{}, err
	}
	t, err := parseTalk(channels.ConversationID(at.Talk))
	if err != nil || t.person != m.from {
		return other, thread{}, nil //nolint:nilerr // another person's
	}
	th, _, err := c.find(ctx, t.mark())
	return t, th, err
}

// indexSize is how many bytes of a Thread-Index all mails of a thread have in common (MS-OXOMSG 2.2.1.3).
const indexSize = 22

// threadIndex names the thread that Exchange and Outlook say a mail to be in; "" if they say nothing.
func threadIndex(field string) string {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(field), ""))
	if err != nil || len(b) < indexSize {
		return ""
	}
	sum := sha256.Sum256(b[:indexSize])
	return "index." + hex.EncodeToString(sum[:12])
}

// chain takes out what stands twice, and the middle of what is too long: its beginning and its end find the thread.
func chain(refs []string) []string {
	var out []string
	for _, r := range slices.Backward(refs) { // the last place counts
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	slices.Reverse(out)
	if len(refs) > 0 && len(out) > 0 && out[0] != refs[0] {
		out = append([]string{refs[0]}, slices.DeleteFunc(out, func(r string) bool { return r == refs[0] })...)
	}
	if n := len(out); n > maxRefs {
		out = append(out[:1:1], out[n-maxRefs+1:]...)
	}
	return out
}

const madeHere = "gw."

// messageID is the id of the mail that says the part of an answer that key names.
func (c *channel) messageID(t talk, key string) string {
	if key == "" {
		key = rand.Text()
	}
	sum := sha256.Sum256([]byte(string(c.o.Account) + "\x00" + string(t.conversation()) + "\x00" + key))
	return madeHere + t.mark() + "." + hex.EncodeToString(sum[:8]) + "@" + c.domain()
}

// marked gives the thread's mark of a Message-ID that was made here, or by another such program.
func marked(id string) (string, bool) {
	rest, ok := strings.CutPrefix(id, madeHere)
	mark, _, found := strings.Cut(rest, ".")
	return mark, ok && found && len(mark) == 16
}

func (c *channel) domain() string {
	_, domain, ok := strings.Cut(c.own(), "@")
	if !ok {
		return "gateway.invalid"
	}
	return strings.ToLower(domain)
}

// directly is the thread in which the bot writes to a person by itself.
func (c *channel) directly(person string) talk {
	sum := sha256.Sum256([]byte(string(c.o.Account) + "\x00" + person))
	return talk{"direct." + hex.EncodeToString(sum[:8]) + "@" + c.domain(), person}
}
