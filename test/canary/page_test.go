package canary

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// visitor is a browser on the page: it comes in by a link, keeps its cookie, and holds the stream of news open.
type visitor struct {
	p      *program
	client *http.Client
	base   string
	n      int

	mu   sync.Mutex
	news strings.Builder // guarded by mu: all that the stream said
	mark int             // guarded by mu: how much of it was looked at
}

func (p *program) visit() *visitor {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	v := &visitor{p: p, client: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	_, token, ok := strings.Cut(strings.TrimSpace(p.run("", "open")), "k=")
	if !ok {
		p.t.Fatal("there is no link")
	}
	var in struct{ Session string }
	if err := json.Unmarshal([]byte(v.post("http://"+p.addr+"/api/enter", map[string]string{"link": token})), &in); err != nil || in.Session == "" {
		p.t.Fatalf("not let in: %v", err)
	}
	v.base = "http://" + p.addr + "/s/" + in.Session
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); v.listen(ctx) }()
	p.t.Cleanup(func() { cancel(); <-done })
	return v
}

func (v *visitor) listen(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+"/events?c=conversation1", nil)
	if err != nil {
		return
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := v.client.Do(req)
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

func (v *visitor) post(url string, body any) string {
	v.p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		v.p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.p.t.Context(), http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		v.p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "http://"+v.p.addr)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := v.client.Do(req)
	if err != nil {
		v.p.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		v.p.t.Fatal(err)
	}
	return string(out)
}

func (v *visitor) say(text string) {
	v.p.t.Helper()
	v.n++
	v.post(v.base+"/messages", map[string]string{"c": "conversation1", "id": fmt.Sprintf("message-%04d", v.n), "text": text})
}

// want waits for news that match, behind the last that were wanted, and gives what matched.
func (v *visitor) want(pattern string) []string {
	v.p.t.Helper()
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
			v.p.t.Fatalf("the page never says %s; it says\n%s\n%s", pattern, rest, v.p.out)
		}
	}
}

// fill answers the form that is shown next, and gives what the page says to that.
func (v *visitor) fill(answer string) string {
	v.p.t.Helper()
	form := v.want(`"forms":\[\{"id":"([^"]+)"`)[1]
	return v.post(v.base+"/forms/"+form, map[string]string{"answer": answer})
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
	p := newProgram(t, fmt.Sprintf("providers:\n  groq: {base_url: %q}\n", service.url+"/v1"))
	p.start()
	v := p.visit()
	told := func() map[string]string {
		v.mu.Lock()
		defer v.mu.Unlock()
		return map[string]string{"requests to a model": service.asked(), "the page": v.news.String()}
	}
	for _, way := range []string{"my key is %s", "/login groq key %s", "/login %s", "/login nobody key %s and more", "/lgoin groq %s", "/login groq %s", "/model %s"} {
		v.say(fmt.Sprintf(way, p.secret(way, prefix(way))))
		v.say("/cancel")
		v.say("/whoami")
		v.want("You are") // behind all that
	}
	v.post(v.base+"/complete", map[string]string{"text": "/login groq key " + p.secret("completed", "gsk_")})
	v.say("/login groq key")
	v.fill("two words " + p.secret("two words in the form", "gsk_"))
	v.say("/cancel")
	v.want("Canceled")
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
	p.stop(syscall.SIGKILL)
	p.search("killed", told())
	p.start()
	v = p.visit()
	v.n = 100
	v.say("/logout groq:default")
	v.want("Logged out")
	p.stop(syscall.SIGTERM)
	p.search("the end", told())
}
