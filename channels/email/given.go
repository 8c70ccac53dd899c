package email

import (
	"bytes"
	"net"
	"strconv"
	"sync"

	"github.com/emersion/go-imap/v2"

	"chatgateway/internal/lazyregexp"
)

// given asks the server, beside the sizes and dates of mails, which threads it holds them to be in. go-imap can neither
// ask for that nor take the answer, so that the question is put into its command as it goes out, and the answer is taken
// out as it comes in. In between come no literals: nothing that a mail says is looked at. It is above the encryption.
type given struct {
	net.Conn
	mu    sync.Mutex // guards what follows
	item  string     // what is asked for; empty: nothing is asked just now
	found map[uint32]string
	part  []byte // of a line that is not whole yet
	ready []byte // read and looked through
}

// threadItem names what a server calls the thread of a mail: Google's own
// (https://developers.google.com/workspace/gmail/imap/imap-extensions), or RFC 8474's; "" if it has no such thing.
func threadItem(caps imap.CapSet) string {
	switch {
	case caps.Has("X-GM-EXT-1"):
		return "X-GM-THRID"
	case caps.Has("OBJECTID"):
		return "THREADID"
	}
	return ""
}

// ask asks for item beside what the next command fetches.
func (g *given) ask(item string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.item, g.found = item, map[uint32]string{}
}

// told ends the asking and gives the threads, by the numbers of the mails.
func (g *given) told() map[uint32]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.item = ""
	return g.found
}

// Write implements net.Conn.
func (g *given) Write(p []byte) (int, error) {
	g.mu.Lock()
	item := g.item
	g.mu.Unlock()
	if item == "" || !bytes.Contains(p, []byte(" INTERNALDATE")) {
		return g.Conn.Write(p) //nolint:wrapcheck // nothing to add
	}
	_, err := g.Conn.Write(bytes.Replace(p, []byte(" INTERNALDATE"), []byte(" INTERNALDATE "+item), 1))
	return len(p), err //nolint:wrapcheck // nothing to add
}

// Read implements net.Conn.
func (g *given) Read(p []byte) (int, error) {
	for {
		if n := g.give(p); n > 0 {
			return n, nil
		}
		n, err := g.Conn.Read(p)
		if !g.look(p[:n]) || err != nil {
			return n, err //nolint:wrapcheck // io.EOF must come as it is
		}
	}
}

func (g *given) give(p []byte) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := copy(p, g.ready)
	g.ready = g.ready[n:]
	return n
}

// look takes what came, or leaves it as it is: then nothing is asked, and nothing is left of before.
func (g *given) look(p []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.item == "" && len(g.part) == 0 {
		return false
	}
	g.part = append(g.part, p...)
	if g.item == "" {
		g.ready, g.part = append(g.ready, g.part...), nil
		return true
	}
	for {
		line, rest, whole := bytes.Cut(g.part, []byte("\n"))
		if !whole {
			return true
		}
		g.ready = append(append(g.ready, g.without(line)...), '\n')
		g.part = bytes.Clone(rest)
	}
}

var (
	fetchedForm = lazyregexp.New(`^\* \d+ FETCH \(`)
	numberForm  = lazyregexp.New(`[( ]UID (\d+)`)
	threadForm  = lazyregexp.New(`([( ])(?:X-GM-THRID (\d+)|THREADID \(([A-Za-z0-9_-]+)\)|THREADID NIL)([ )])`)
)

// without takes a mail's thread out of a line.
func (g *given) without(line []byte) []byte {
	at := threadForm.FindSubmatchIndex(line)
	if at == nil || !fetchedForm.Match(line) {
		return line
	}
	between := ""
	if line[at[2]] == ' ' && line[at[8]] == ' ' {
		between = " "
	}
	if line[at[2]] == '(' {
		between = "(" + between
	}
	if line[at[8]] == ')' {
		between += ")"
	}
	if n := numberForm.FindSubmatch(line); n != nil {
		uid, _ := strconv.ParseUint(string(n[1]), 10, 32)
		for _, group := range []int{4, 6} {
			if at[group] >= 0 {
				g.found[uint32(uid)] = string(line[at[group]:at[group+1]])
			}
		}
	}
	return bytes.Join([][]byte{line[:at[0]], line[at[1]:]}, []byte(between))
}
