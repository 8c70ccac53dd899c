package markdown

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// richTags are the tags of a rich message and what each may stand in; "" is the message itself.
var richTags = map[string]string{
	"p": " li blockquote", "h1": " li blockquote", "h2": " li blockquote", "h3": " li blockquote", "h4": " li blockquote",
	"h5": " li blockquote", "h6": " li blockquote", "pre": " li blockquote", "blockquote": " li blockquote", "ul": " li blockquote",
	"ol": " li blockquote", "table": " li blockquote", "tg-math-block": " li blockquote", "hr": " li blockquote", "li": "ul ol", "tr": "table", "td": "tr", "th": "tr",
	"strong": "*", "em": "*", "del": "*", "code": "*", "a": "*", "tg-math": "*", "br": "*",
}

// checkRich reads s as a rich message: tags that Telegram lists, each closed, where it may stand, and no more of
// them than it takes.
func checkRich(s string) error {
	z := html.NewTokenizer(strings.NewReader(s))
	stack, cells := []string{""}, 0
	for {
		kind := z.Next()
		t := z.Token()
		top := stack[len(stack)-1]
		switch kind {
		case html.ErrorToken:
			if len(stack) > 1 {
				return fmt.Errorf("open at the end: %v", stack)
			}
			return nil
		case html.StartTagToken, html.SelfClosingTagToken:
			within, known := richTags[t.Data]
			switch {
			case !known, within != "*" && !slices.Contains(strings.Split(within, " "), top), within == "*" && slices.Contains([]string{"", "table", "tr", "ul", "ol", "tg-math", "blockquote"}, top):
				return fmt.Errorf("%s within %v", t, stack)
			case t.Data == "code" && slices.Contains(stack, "code"), t.Data == "a" && slices.Contains(stack, "a"):
				return fmt.Errorf("%s within %v", t, stack)
			}
			if err := checkRichAttributes(t); err != nil {
				return err
			}
			if kind == html.StartTagToken {
				stack = append(stack, t.Data)
			}
			if cells = cells + 1; t.Data == "tr" {
				cells = 0
			}
			if len(stack)-1 > 16 || slices.Contains([]string{"td", "th"}, t.Data) && cells > richColumns+1 {
				return fmt.Errorf("%d levels, %d cells", len(stack)-1, cells)
			}
		case html.EndTagToken:
			if top != t.Data {
				return fmt.Errorf("%s closes %v", t, stack)
			}
			stack = stack[:len(stack)-1]
		case html.CommentToken, html.DoctypeToken:
			return fmt.Errorf("unexpected %s", t)
		}
	}
}

func checkRichAttributes(t html.Token) error {
	for _, a := range t.Attr {
		switch t.Data + " " + a.Key {
		case "a href":
			if !strings.HasPrefix(strings.ToLower(a.Val), "http") && !strings.HasPrefix(strings.ToLower(a.Val), "mailto:") {
				return fmt.Errorf("a link to %q", a.Val)
			}
		case "ol start", "td align", "th align", "table bordered", "table striped", "code class":
		default:
			return fmt.Errorf("attribute %s of %s", a.Key, t.Data)
		}
	}
	return nil
}

// TestRichLimits: what Telegram takes no more of is text, and nothing of it is lost.
func TestRichLimits(t *testing.T) {
	deep := ""
	for i := range 25 {
		deep += strings.Repeat("  ", i) + fmt.Sprintf("- item%d *a **b *c **d** c* b** a*\n", i)
	}
	wide := strings.Repeat("| col ", 25) + "|\n" + strings.Repeat("|---", 25) + "|\n" + strings.Repeat("| cell ", 25) + "|\n"
	for name, md := range map[string]string{"deep list": deep, "deep quotes": strings.Repeat("> ", 30) + "said *so*", "wide table": wide} {
		out := TelegramRich(md)
		if err := checkRich(out); err != nil {
			t.Errorf("%s: %v in %s", name, err, out)
		}
		if got, want := strings.Count(visible("rich", out), "item"), strings.Count(md, "item"); got != want {
			t.Errorf("%s: %d of %d items are shown", name, got, want)
		}
	}
	if n := strings.Count(visible("rich", TelegramRich(wide)), "cell"); n < 25 {
		t.Errorf("%d of 25 cells of a wide table are shown", n)
	}
	many := strings.Repeat("- x\n", 400)
	if n := TelegramRichLen(many); n <= RichLimit {
		t.Errorf("400 items count %d, which is not too long", n)
	}
	for rest := many + strings.Repeat("| a | b |\n|---|---|\n| c | d |\n\n", 300); rest != ""; {
		var head string
		head, rest = Split(rest, Fit(rest, RichLimit, TelegramRichLen))
		if blocks := strings.Count(TelegramRich(head), "<li>")*2 + strings.Count(TelegramRich(head), "<t"); blocks > 1500 || TelegramRichLen(head) > RichLimit {
			t.Errorf("a message holds %d blocks", blocks)
		}
	}
}

func TestNeedsRich(t *testing.T) {
	for md, want := range map[string]bool{
		"plain | text with $5 and $10": false, "| a | b |\n|---|---|\n| 1 | 2 |": true, "x is $a_1$": true, "`$a$ | b`": false,
		"$$\na\n$$": true, `\(x\)`: true, "# head\n- list": false, "```\n| a |\n|---|\n```": false, "": false,
	} {
		if got := NeedsRich(md); got != want {
			t.Errorf("NeedsRich(%q) = %v", md, got)
		}
	}
}
