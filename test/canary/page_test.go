package canary

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatgateway/test/program"
)

// visitor is a browser on the page that holds the stream of news open.
type visitor struct {
	*program.Visitor
	p    *gateway
	conv string
	n    int

	mu   sync.Mutex
	news strings.Builder // guarded by mu: all that the stream said
	mark int             // guarded by mu: how much of it was looked at
}

// visit lets a visitor in, who looks at a conversation.
func (g *gateway) visit(conv string) *visitor {
	v := &visitor{Visitor: g.Enter(), p: g, conv: conv}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); v.listen(ctx) }()
	g.T.Cleanup(func() { cancel(); <-done })
	return v
}

func (v *visitor) listen(ctx context.Context) {
	res, err := v.Open(ctx, http.MethodGet, "/events?c="+v.conv, nil)
	if err != nil {
		return
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		v.mu.Lock()
		v.news.WriteString(lines.Text() + "\n")
		v.mu.Unlock()
	}
}

// post sends something; what is refused is answered with a sentence, which is of interest too.
func (v *visitor) post(path string, body any) string {
	v.p.T.Helper()
	out, err := v.Call(v.p.T.Context(), http.MethodPost, path, body)
	if err != nil && out == nil {
		v.p.T.Fatal(err)
	}
	return string(out)
}

func (v *visitor) say(text string) {
	v.p.T.Helper()
	v.n++
	v.post("/messages", map[string]string{"c": v.conv, "id": fmt.Sprintf("message-%04d", v.n), "text": text})
}

// press presses a button of the message that is shown next with a text.
func (v *visitor) press(text, label string) {
	v.p.T.Helper()
	v.n++
	m := v.want(fmt.Sprintf(`"id":"([^"]+)","n":[0-9]+,"text":"%s[^\n]*?\{"label":"%s","press":"([^"]+)"`, text, label))
	v.post("/press", map[string]string{"c": v.conv, "id": fmt.Sprintf("press-%04d", v.n), "message": m[1], "press": m[2]})
}

// told is all that the page was told.
func (v *visitor) told() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.news.String()
}

// want waits for news that match, behind the last that were wanted, and gives what matched.
func (v *visitor) want(pattern string) []string {
	v.p.T.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // another process: there is no event
		v.mu.Lock()
		all := v.news.String()
		m := re.FindStringSubmatchIndex(all[v.mark:])
		if m != nil {
			var out []string
			for i := 0; i < len(m); i += 2 {
				out = append(out, all[v.mark+m[i]:v.mark+m[i+1]])
			}
			v.mark += m[1]
			v.mu.Unlock()
			return out
		}
		rest := all[v.mark:]
		v.mu.Unlock()
		if time.Now().After(deadline) {
			v.p.T.Fatalf("the page never says %s; it says\n%s\n%s", pattern, rest, v.p.Out)
		}
	}
}

// form waits for the form that is shown next, and gives where its answer goes.
func (v *visitor) form() string {
	v.p.T.Helper()
	return "/forms/" + v.want(`"forms":\[\{"id":"([^"]+)"`)[1]
}

// fill answers the form that is shown next, and gives what the page says to that.
func (v *visitor) fill(answer string) string {
	v.p.T.Helper()
	return v.post(v.form(), map[string]string{"answer": answer})
}

// prefix is what the key in a line begins with: a text or a command that is none is only known by its shape; where a
// login takes words, any long one is a key.
func prefix(way string) string {
	if strings.HasPrefix(way, "/login ") {
		return "zzz_"
	}
	return "gsk_"
}

// TestCanaryPage is TestCanary by way of the page: secrets in forms, beside commands, in what is said, and in names.
func TestCanaryPage(t *testing.T) {
	service := newHostile(t)
	p := newGateway(t, fmt.Sprintf("providers:\n  groq: {base_url: %q}\n", service.url+"/v1"))
	p.Start()
	v := p.visit("conversation1")
	told := func() map[string]string {
		return map[string]string{"requests to a model": service.asked(), "the page": v.told()}
	}
	for _, way := range []string{"my key is %s", "/login groq key %s", "/login %s", "/login nobody key %s and more", "/lgoin groq %s", "/login groq %s", "/model %s"} {
		v.say(fmt.Sprintf(way, p.secret(way, prefix(way))))
		v.say("/cancel")
		v.say("/whoami")
		v.want("You are") // behind all that
	}
	v.post("/complete", map[string]string{"text": "/login groq key " + p.secret("completed", "gsk_")})
	v.say("/login groq key")
	v.fill("two words " + p.secret("two words in the form", "gsk_"))
	v.want("Logged in to Groq") // at an address of one's own a key may look as it likes
	v.say("/login groq key")
	wrong := p.secret("refused by the service", "gsk_")
	v.fill(wrong[:20] + "WRONG" + wrong[20:])
	v.want("(?i)refuse|not accept|does not take|anyway")
	v.say("/cancel")
	v.want("Canceled")
	p.search("nothing stored", told())

	v.say("/login groq key")
	v.fill(p.secret("stored", "gsk_"))
	v.want("Logged in to Groq")
	v.say("/model groq/model-a")
	v.want("answers in this conversation")
	v.say("what is my key?")
	v.want(`Your key is \[secret\], that is all`)
	v.say("is it " + p.secrets["stored"] + "?")
	v.want("looks like a key")
	for _, what := range []string{"401", "500", "redirect"} {
		v.say("fail " + what)
		v.want(`"choices":`)
	}
	p.search("stored", told())
	p.Stop(syscall.SIGKILL)
	p.search("killed", told())
	p.Start()
	v = p.visit("conversation1")
	v.n = 100
	v.say("/logout groq:default")
	v.want("Logged out")
	p.Stop(syscall.SIGTERM)
	p.search("the end", told())
}
