package twitch

import (
	"bufio"
	"errors"
	"strings"
)

// line is one line of IRC with message tags. The parser is ours because go-twitch-irc's stops the program on lines
// such as "PRIVMSG" or "@badges=x PRIVMSG #a :b", and reads `\\s` in a tag wrongly.
type line struct {
	tags    map[string]string
	nick    string // of the sender: a person's name, or the server
	command string
	params  []string
}

// param gives a parameter; "" if there is none.
func (l line) param(n int) string {
	if n >= len(l.params) {
		return ""
	}
	return l.params[n]
}

// room is the room that the line is about; "" if it is about none.
func (l line) room() string {
	if name, ok := strings.CutPrefix(l.param(0), "#"); ok {
		return strings.ToLower(name)
	}
	return ""
}

// parseLine reads a line, without its end. What is not there is empty; nothing is an error but no command.
func parseLine(s string) (l line, ok bool) {
	if rest, has := strings.CutPrefix(s, "@"); has {
		var tags string
		tags, s, _ = strings.Cut(rest, " ")
		l.tags = parseTags(tags)
	}
	s = strings.TrimLeft(s, " ")
	if rest, has := strings.CutPrefix(s, ":"); has {
		l.nick, s, _ = strings.Cut(rest, " ")
		l.nick, _, _ = strings.Cut(l.nick, "!")
	}
	l.command, s, _ = strings.Cut(strings.TrimLeft(s, " "), " ")
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if last, has := strings.CutPrefix(s, ":"); has {
			l.params = append(l.params, last)
			break
		}
		var word string
		word, s, _ = strings.Cut(s, " ")
		l.params = append(l.params, word)
	}
	return l, l.command != ""
}

var unescape = strings.NewReplacer(`\:`, ";", `\s`, " ", `\\`, `\`, `\r`, "\r", `\n`, "\n", `\`, "")

func parseTags(s string) map[string]string {
	tags := map[string]string{}
	for tag := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(tag, "=")
		tags[name] = unescape.Replace(value)
	}
	return tags
}

// maxLine is more than a line may have: 8191 bytes of tags and 512 of message.
const maxLine = 16 << 10

var errLong = errors.New("a line is too long")

// lineReader reads lines. What a time-out leaves unfinished goes on at the next call.
type lineReader struct {
	r    *bufio.Reader
	part []byte
	skip bool // the line is too long: the rest of it is passed over
}

// read gives the next line without its end; errLong for one that is too long, which is passed over.
func (l *lineReader) read() (string, error) {
	for {
		b, err := l.r.ReadSlice('\n')
		if !l.skip {
			l.part = append(l.part, b...)
		}
		if len(l.part) > maxLine {
			l.skip, l.part = true, nil
		}
		switch {
		case err == nil && l.skip:
			l.skip, l.part = false, nil
			return "", errLong
		case err == nil:
			s := strings.TrimRight(string(l.part), "\r\n")
			l.part = l.part[:0]
			return s, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// oneLine makes sure that a text is one line whatever it holds: nothing that comes from outside may end a line and
// begin another command.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, s)
}
