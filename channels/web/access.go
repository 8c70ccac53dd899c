package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"chatgateway/channels"
)

// How long things last.
const (
	linkLife    = time.Hour
	sessionLife = 90 * 24 * time.Hour // without a visit
	seenEvery   = time.Hour           // how exactly visits are written down
	maxLinks    = 8
	maxSessions = 64
)

// access knows which browsers may come in. A link holds a token that works once, soon, and is exchanged for the
// token of a session; both are random and only their hashes are kept: those of links in memory, those of sessions in
// the file sessions.json, mode 0600.
//
// The cookie that bears a session's token has the session's own path. Cookies are sent to every port of a host, so
// another program's page at another port would be sent it otherwise; it does not know that path.
type access struct {
	file string // empty: nothing is kept
	now  func() time.Time

	mu       sync.Mutex // guards what follows
	links    []link
	sessions []session
	addr     string // the port that was chosen when the usual one was taken
	loaded   bool
	writing  sync.Mutex // one writer of the file at a time; held over I/O, taken before mu
}

type link struct {
	hash [sha256.Size]byte
	user channels.UserID
	ends time.Time
}

type session struct {
	ID      string          `json:"id"`   // names it in paths and lists; no secret
	Hash    string          `json:"hash"` // of its token
	User    channels.UserID `json:"user"`
	Browser string          `json:"browser,omitempty"` // for the list: "Firefox on Linux"
	Created time.Time       `json:"created"`
	Seen    time.Time       `json:"seen"`
}

// Session is a browser that was let in.
type Session struct {
	ID      string    `json:"id"`
	Browser string    `json:"browser"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"` // last visit, to the hour
}

type accessFile struct {
	Version  int       `json:"version"`
	Addr     string    `json:"addr,omitempty"`
	Sessions []session `json:"sessions"`
}

func newAccess(folder string) *access {
	a := &access{now: time.Now}
	if folder != "" {
		a.file = filepath.Join(folder, "sessions.json")
	}
	return a
}

// load reads the sessions. A file that cannot be read is an error, and stays as it is.
func (a *access) load() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == "" || a.loaded {
		return nil
	}
	data, err := readOwn(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		a.loaded = true
		return nil
	}
	var f accessFile
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return setup("The list of browsers that were let in, %s, cannot be read: %s. Move it away; `gateway open` then lets you in again.", a.file, cause(err))
	}
	a.sessions, a.addr, a.loaded = f.Sessions, f.Addr, true
	return nil
}

// save writes the sessions.
func (a *access) save() error {
	a.writing.Lock()
	defer a.writing.Unlock()
	a.mu.Lock()
	f := accessFile{Version: 1, Addr: a.addr, Sessions: slices.Clone(a.sessions)}
	a.mu.Unlock()
	if a.file == "" {
		return nil
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode sessions: %w", err)
	}
	return writeOwn(a.file, append(data, '\n'))
}

// newLink makes the token of a link for a person.
func (a *access) newLink(user channels.UserID) string {
	token := random(32)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.links = slices.DeleteFunc(a.links, func(l link) bool { return a.now().After(l.ends) })
	if len(a.links) >= maxLinks {
		a.links = a.links[1:]
	}
	a.links = append(a.links, link{sha256.Sum256([]byte(token)), user, a.now().Add(linkLife)})
	return token
}

// enter exchanges a link's token for a session and its token. ok is false for a token that was used, is too old or
// never was.
func (a *access) enter(token, browser string) (s session, cookie string, ok bool, err error) {
	sum := sha256.Sum256([]byte(token))
	a.mu.Lock()
	at := -1
	for i, l := range a.links { // all of them, so that the time tells nothing
		if subtle.ConstantTimeCompare(l.hash[:], sum[:]) == 1 && a.now().Before(l.ends) {
			at = i
		}
	}
	if at < 0 {
		a.mu.Unlock()
		return session{}, "", false, nil
	}
	user := a.links[at].user
	a.links = slices.Delete(a.links, at, at+1)
	cookie = random(32)
	s = session{ID: random(9), Hash: hash(cookie), User: user, Browser: browser, Created: a.now(), Seen: a.now()}
	a.sessions = slices.DeleteFunc(a.sessions, func(s session) bool { return a.now().Sub(s.Seen) > sessionLife })
	if len(a.sessions) >= maxSessions {
		oldest := 0
		for i := range a.sessions {
			if a.sessions[i].Seen.Before(a.sessions[oldest].Seen) {
				oldest = i
			}
		}
		a.sessions = slices.Delete(a.sessions, oldest, oldest+1)
	}
	a.sessions = append(a.sessions, s)
	a.mu.Unlock()
	return s, cookie, true, a.save()
}

// check finds the session with this id and token.
func (a *access) check(id, token string) (session, bool) {
	sum := hash(token)
	a.mu.Lock()
	i := slices.IndexFunc(a.sessions, func(s session) bool { return s.ID == id })
	if i < 0 || token == "" || subtle.ConstantTimeCompare([]byte(a.sessions[i].Hash), []byte(sum)) != 1 || a.now().Sub(a.sessions[i].Seen) > sessionLife {
		a.mu.Unlock()
		return session{}, false
	}
	late := a.now().Sub(a.sessions[i].Seen) > seenEvery
	if late {
		a.sessions[i].Seen = a.now()
	}
	s := a.sessions[i]
	a.mu.Unlock()
	if late {
		_ = a.save() // a visit that is not written down shortens the session, no more
	}
	return s, true
}

// has reports whether a session is still good; streams ask it.
func (a *access) has(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.sessions, func(s session) bool { return s.ID == id })
}

// knows reports whether a person was let in.
func (a *access) knows(u channels.UserID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.sessions, func(s session) bool { return s.User == u })
}

// list gives the sessions of a person, or of all with "", the last seen first.
func (a *access) list(u channels.UserID) []Session {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := []Session{}
	for _, s := range a.sessions {
		if u == "" || s.User == u {
			out = append(out, Session{s.ID, s.Browser, s.Created, s.Seen})
		}
	}
	slices.SortFunc(out, func(x, y Session) int { return y.Seen.Compare(x.Seen) })
	return out
}

// revoke ends a session of a person, or of anybody with u "". One that is gone already is no error.
func (a *access) revoke(u channels.UserID, id string) error {
	a.mu.Lock()
	a.sessions = slices.DeleteFunc(a.sessions, func(s session) bool { return s.ID == id && (u == "" || s.User == u) })
	a.mu.Unlock()
	return a.save()
}

func (a *access) port() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addr
}

// setPort remembers the address that was chosen, for the next start.
func (a *access) setPort(addr string) {
	a.mu.Lock()
	same := a.addr == addr
	a.addr = addr
	a.mu.Unlock()
	if !same {
		_ = a.save() // the next start chooses another port then
	}
}

// NewLink makes a link that lets one browser in as the owner: it works once, within the hour, while this process
// runs. It is a secret until it was used. The token stands behind the '#', which browsers do not send.
func (c *Channel) NewLink() (string, error) {
	url := c.URL()
	if url == "" {
		return "", &problem{"The page is not served yet: see `gateway status`.", nil}
	}
	return url + "#k=" + c.access.newLink(Owner), nil
}

// Sessions lists the browsers that were let in, the last seen first.
func (c *Channel) Sessions() []Session { return c.access.list("") }

// Revoke shuts a browser out at once.
func (c *Channel) Revoke(id string) error {
	err := c.access.revoke("", id)
	c.book.wake() // open streams look again
	return err
}

// random gives n random bytes as text for URLs and cookies.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// limiter lets through so many failures a minute, from whatever address: on loopback all are one.
type limiter struct {
	most int
	now  func() time.Time

	mu    sync.Mutex // guards fails
	fails []time.Time
}

// wait says how long nobody is let in after too many failures; 0: now.
func (l *limiter) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.fails = slices.DeleteFunc(l.fails, func(t time.Time) bool { return now.Sub(t) > time.Minute })
	if len(l.fails) < l.most {
		return 0
	}
	return time.Minute - now.Sub(l.fails[len(l.fails)-l.most])
}

func (l *limiter) failed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.fails) < 4*l.most { // bounded, whoever knocks
		l.fails = append(l.fails, l.now())
	}
}

// readOwn reads a file of ours: no link, not larger than it can be.
func readOwn(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return nil, fmt.Errorf("%s is no file of ours", path)
	}
	return os.ReadFile(path)
}
