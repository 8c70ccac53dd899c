package markdown

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// checks says for each service whether a text is well formed there.
var checks = map[string]func(string) error{
	"telegram": checkTelegram,
	"rich":     checkRich,
	"slack":    checkSlack,
	"discord":  checkDiscord,
	"plain":    func(string) error { return nil },
	"html":     func(s string) error { return checkHTML(s, pageTags) },
	"email":    func(s string) error { return checkHTML(s, mailTags) },
}

var (
	entityAt     = regexp.MustCompile(`^&(amp|lt|gt|quot);`)
	telegramOpen = regexp.MustCompile(`^<(b|i|u|s|code|pre|blockquote|a href="(?:https?://|mailto:)[^"<>]+"|code class="language-[^"<> ]+")>`)
	telegramEnd  = regexp.MustCompile(`^</(b|i|u|s|code|pre|blockquote|a)>`)
)

// checkTelegram reads s as strictly as the Bot API, and more: no entity may be empty, and they nest as documented.
func checkTelegram(s string) error {
	var stack []string
	within := func(name string) bool {
		for _, t := range stack {
			if t == name {
				return true
			}
		}
		return false
	}
	opened := -1 // where the last tag opened ends
	for i := 0; i < len(s); {
		rest := s[i:]
		switch rest[0] {
		case '>':
			return fmt.Errorf("bare > at %d", i)
		case '&':
			m := entityAt.FindString(rest)
			if m == "" {
				return fmt.Errorf("bare & at %d", i)
			}
			i += len(m)
		case '<':
			if m := telegramEnd.FindStringSubmatch(rest); m != nil {
				if len(stack) == 0 || stack[len(stack)-1] != m[1] {
					return fmt.Errorf("%s closes %v at %d", m[0], stack, i)
				}
				if opened == i {
					return fmt.Errorf("empty %s at %d", m[1], i)
				}
				stack = stack[:len(stack)-1]
				i += len(m[0])
				continue
			}
			m := telegramOpen.FindStringSubmatch(rest)
			if m == nil {
				return fmt.Errorf("no tag at %d: %.30q", i, rest)
			}
			name, attrs, _ := strings.Cut(m[1], " ")
			inPre := len(stack) == 1 && stack[0] == "pre" || len(stack) == 2 && stack[0] == "blockquote" && stack[1] == "pre"
			switch {
			case within("code"), within("pre") && !(name == "code" && attrs != "" && inPre),
				name == "code" && attrs != "" && !inPre,
				name == "blockquote" && len(stack) > 0,
				(name == "pre" || name == "code") && !inPre && len(stack) > 0 && stack[len(stack)-1] != "blockquote",
				within(name):
				return fmt.Errorf("%s within %v at %d", m[0], stack, i)
			}
			stack = append(stack, name)
			i += len(m[0])
			opened = i
		default:
			i++
		}
	}
	if len(stack) > 0 {
		return fmt.Errorf("open at the end: %v", stack)
	}
	return nil
}

var slackLink = regexp.MustCompile(`^<(https?://|mailto:)[^<>|\n]+(\|[^<>\n]+)?>`)

// checkSlack finds what Slack would read as a mention or a broken link, and fences that are not closed.
func checkSlack(s string) error {
	for i := 0; i < len(s); {
		switch rest := s[i:]; rest[0] {
		case '&':
			m := entityAt.FindString(rest)
			if m == "" {
				return fmt.Errorf("bare & at %d", i)
			}
			i += len(m)
		case '<':
			m := slackLink.FindString(rest)
			if m == "" {
				return fmt.Errorf("no link at %d: %.30q", i, rest)
			}
			i += len(m)
		case '>':
			if i > 0 && s[i-1] != '\n' {
				return fmt.Errorf("bare > at %d", i)
			}
			i++
		default:
			i++
		}
	}
	if strings.Count(s, "```")%2 != 0 {
		return fmt.Errorf("a fence is open")
	}
	return nil
}

// checkDiscord finds fences that are not closed. An escaped backtick opens nothing.
func checkDiscord(s string) error {
	s = strings.ReplaceAll(s, `\\`, "")
	s = strings.ReplaceAll(s, "\\`", "")
	if strings.Count(s, "```")%2 != 0 {
		return fmt.Errorf("a fence is open")
	}
	return nil
}

const (
	pageTags = " a p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code table thead tbody tr th td strong em del "
	mailTags = pageTags + "html head meta body "
	voidTags = " br hr meta "
)

// checkHTML reads s as a browser would and finds tags and attributes that we do not write, and such as are not closed.
func checkHTML(s, allowed string) error {
	z := html.NewTokenizer(strings.NewReader(s))
	var stack []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(stack) > 0 {
				return fmt.Errorf("open at the end: %v", stack)
			}
			return nil
		case html.StartTagToken:
			t := z.Token()
			if !strings.Contains(allowed, " "+t.Data+" ") {
				return fmt.Errorf("tag %s", t)
			}
			if t.Data == "a" && len(stack) > 0 && strings.Contains(" "+strings.Join(stack, " ")+" ", " a ") {
				return fmt.Errorf("a link within a link")
			}
			if err := checkAttributes(t); err != nil {
				return err
			}
			if !strings.Contains(voidTags, " "+t.Data+" ") {
				stack = append(stack, t.Data)
			}
		case html.EndTagToken:
			t := z.Token()
			if len(stack) == 0 || stack[len(stack)-1] != t.Data {
				return fmt.Errorf("%s closes %v", t, stack)
			}
			stack = stack[:len(stack)-1]
		case html.CommentToken, html.SelfClosingTagToken:
			return fmt.Errorf("unexpected %s", z.Token())
		}
	}
}

func checkAttributes(t html.Token) error {
	for _, a := range t.Attr {
		ok := false
		switch a.Key {
		case "href":
			ok = strings.HasPrefix(strings.ToLower(a.Val), "http://") || strings.HasPrefix(strings.ToLower(a.Val), "https://") ||
				strings.HasPrefix(strings.ToLower(a.Val), "mailto:")
		case "target":
			ok = a.Val == "_blank"
		case "rel":
			ok = a.Val == "noopener noreferrer nofollow"
		case "class":
			ok = strings.HasPrefix(a.Val, "language-") || a.Val == "left" || a.Val == "right" || a.Val == "center"
		case "start":
			ok = true
		case "style":
			ok = !strings.Contains(a.Val, "url(")
		case "charset", "name", "content":
			ok = t.Data == "meta"
		}
		if !ok {
			return fmt.Errorf("attribute %s=%q at %s", a.Key, a.Val, t.Data)
		}
	}
	return nil
}

// visible is the text that a person sees of a service's text.
func visible(service, s string) string {
	switch service {
	case "telegram", "rich", "html", "email":
		var b strings.Builder
		for z := html.NewTokenizer(strings.NewReader(s)); ; {
			switch z.Next() {
			case html.ErrorToken:
				return b.String()
			case html.TextToken:
				b.WriteString(z.Token().Data)
			}
		}
	case "slack":
		return html.UnescapeString(s)
	}
	return s
}

// letters are the letters of s, in order.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

// isWithin reports whether the runes of sub are found in s, in order.
func isWithin(sub, s string) bool {
	rest := []rune(s)
	for _, r := range sub {
		i := 0
		for i < len(rest) && rest[i] != r {
			i++
		}
		if i == len(rest) {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}
