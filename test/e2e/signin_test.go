package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// company is a program whose config.yaml has one block for a company's model service behind an authorization server
// that is not ours.
type company struct {
	*gateway
	issuer *testpeers.Issuer
	models *testpeers.Mock
	tokens *tokens
}

// tokens are what the company's model service was sent to get in.
type tokens struct {
	mu  sync.Mutex
	all []string // guarded by mu
}

// in notes the token and passes the request on.
func (ts *tokens) in(to *url.URL) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		ts.mu.Lock()
		if !slices.Contains(ts.all, token) {
			ts.all = append(ts.all, token)
		}
		ts.mu.Unlock()
		proxy.ServeHTTP(w, r)
	})
}

func (ts *tokens) list() []string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Clone(ts.all)
}

func newCompany(t *testing.T, config string, more ...testpeers.Fixture) *company {
	t.Helper()
	c := &company{issuer: testpeers.StartIssuer(t), tokens: &tokens{}}
	c.models = testpeers.StartAimock(t, nil, append(more, testpeers.Says("hello", "Hello from the company."), testpeers.Says("again", "Here again."))...)
	to, err := url.Parse(c.models.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(c.tokens.in(to))
	t.Cleanup(front.Close)
	c.gateway = newGateway(t, fmt.Sprintf("sign_in:\n  company:\n    name: Company AI\n    issuer: %s\n    client_id: gateway\n    redirect_url: http://localhost/callback\n"+
		"    base_url: %s/v1\n    models: [company-large]\nmodel: company/company-large\n", c.issuer.URL, front.URL)+config)
	return c
}

// newCompanyChat is a company with a bot on Telegram, which ann owns.
func newCompanyChat(t *testing.T) (*telegram, *company, *telegramtest.User) {
	t.Helper()
	tg := newTelegram(t)
	c := newCompany(t, fmt.Sprintf("channels:\n  telegram: {api_base: %q, groups: [\"*\"], streaming_latency: 0.05}\n", tg.url))
	c.Stop(syscall.SIGTERM)
	if out, code := c.Run(telegramToken, "channels", "set", "telegram", "bot_token"); code != 0 {
		t.Fatalf("channels set: %s", out)
	}
	c.Start()
	ann := tg.s.Person("ann")
	private := tg.s.Private(tg.bot, ann)
	claim := regexp.MustCompile(`/claim ([A-Z0-9]+)`).FindStringSubmatch(c.Out.String())
	if claim == nil {
		t.Fatalf("no claim code on the console:\n%s", c.Out)
	}
	tg.say(ann, private, "/claim "+claim[1])
	tg.want(private, "You own this bot now")
	return tg, c, ann
}

// link is a sign-in's address, as it is shown.
var link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/auth\?\S+`)

// TestSignInTelegram: a company's sign-in from a phone: by a code, by a link and what comes back; in a group it goes on
// in private; renewed as it runs out; logged out for every channel.
func TestSignInTelegram(t *testing.T) {
	tg, c, ann := newCompanyChat(t)
	eve := tg.s.Person("eve")
	private := tg.s.Private(tg.bot, ann)

	// Switched on without a credential: the first message starts it.
	tg.say(ann, private, "/auth company enable")
	tg.want(private, "the first message for it starts")
	tg.say(ann, private, "hello")
	tg.want(private, "The sign-in begins now")
	tg.want(private, "How do you want to log in to Company AI?")
	tg.say(ann, private, "/cancel")
	tg.want(private, "Canceled")

	// By a code, which is shown at once; begun twice; the message changes when it is done.
	tg.say(ann, private, "/login company device")
	shown := tg.want(private, "enter the code")
	if !slices.Contains(shown.Labels(), "Sign in to Company AI") {
		t.Errorf("no button with the page: %v", shown.Labels())
	}
	tg.say(ann, private, "/login company device")
	tg.want(private, "waiting for your answer already")
	page, code := deviceStep(shown.Text)
	c.issuer.Set(testpeers.IssuerSettings{AccessTTL: 6})
	c.issuer.Enter(page, code)
	tg.want(private, "Logged in to Company AI")
	if now := tg.want(private, "is through"); now.ID != shown.ID || strings.Contains(now.Text, code) {
		t.Errorf("the message with the code did not change: %q", now.Text)
	}
	tg.say(ann, private, "hello")
	tg.want(private, "Hello from the company.")

	// It runs out after seconds and is renewed.
	deadline := time.Now().Add(20 * time.Second)
	for n := 0; c.issuer.Stats().Refreshes == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatal("the sign-in was never renewed")
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.issuer.Set(testpeers.IssuerSettings{})
	tg.say(ann, private, "again")
	tg.want(private, "Here again.")
	if out, code := c.Run("hello", "chat"); code != 0 || !strings.Contains(out, "Hello from the company.") {
		t.Errorf("the terminal: %d %s", code, out)
	}
	if n := len(c.tokens.list()); n < 2 {
		t.Errorf("%d tokens were sent; want the first and a renewed one", n)
	}

	// Logged out: ended at the issuer, and in force in the other channel at the next message.
	tg.say(ann, private, "/logout company:default")
	tg.want(private, "ended at the provider")
	if out, code := c.Run("hello", "chat"); code == 0 || !strings.Contains(out, "Nobody is logged in to Company AI") {
		t.Errorf("the terminal after the logout: %d %s", code, out)
	}
	if n := c.issuer.Stats().RevokedGrants; n != 1 {
		t.Errorf("%d sign-ins were ended at the issuer", n)
	}

	// In a group: the link goes to the person alone, and nobody's message there is the answer.
	group := tg.s.Supergroup("Team", tg.bot)
	tg.say(ann, group, "/login@test_bot company browser")
	tg.want(group, "in private")
	private = tg.s.Private(tg.bot, ann)
	step := tg.want(private, "send its whole address here")
	for _, m := range tg.s.Shown(group) {
		if link.MatchString(m.Text) {
			t.Error("the link is in the group")
		}
	}
	address, _ := c.issuer.Open(link.FindString(step.Text), false)
	tg.say(eve, group, "/login@test_bot "+address)
	tg.say(eve, group, address)
	tg.say(ann, private, "what is this?") // no code: asked again
	tg.want(private, "There is no code in this")
	tg.say(ann, private, strings.Replace(address, "state=", "state=other", 1))
	tg.want(private, "the answer to another sign-in")
	if c.issuer.Stats().Codes != 0 {
		t.Error("a code was exchanged that ann did not send")
	}
	tg.say(ann, private, address)
	again := func(m telegramtest.Message) bool { return strings.Contains(m.Text, "Logged in to Company AI") }
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if slices.ContainsFunc(tg.s.Shown(group), again) || len(slices.DeleteFunc(tg.s.Shown(private), func(m telegramtest.Message) bool { return !again(m) })) > 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the pasted address did not log in")
		}
	}
	tg.say(ann, private, "again")
	tg.want(private, "Here again.")
	for _, token := range c.tokens.list() {
		if found := c.traces(token); len(found) > 0 {
			t.Errorf("an access token is in %v", found)
		}
	}
}

// TestSignInShell: from the command line beside a running gateway.
func TestSignInShell(t *testing.T) {
	c := newCompany(t, "")

	out, code := c.shell(func(out *program.Output, in io.Writer) {
		_, _ = io.WriteString(in, mustOpen(c, out.Find(t, 0, link))+"\n") // where it does not arrive, nobody is logged in
	}, "login", "company", "--method", "browser")
	if code != 0 || !strings.Contains(out, "Logged in to Company AI") {
		t.Fatalf("login: %d %s", code, out)
	}
	c.until("company", "status", "--json")
	if out, code := c.Run("hello", "chat"); code != 0 || !strings.Contains(out, "Hello from the company.") {
		t.Fatalf("chat: %d %s", code, out)
	}
	if out, code := c.Run("", "logout", "company", "--yes"); code != 0 || !strings.Contains(out, "ended at the provider") {
		t.Errorf("logout: %d %s", code, out)
	}
	for deadline := time.Now().Add(3 * time.Second); ; { // a change by another process is in force within a second
		out, code := c.Run("hello", "chat")
		if code != 0 && strings.Contains(out, "Nobody is logged in to Company AI") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the logout: %d %s", code, out)
		}
	}
}

// mustOpen gives the address that a sign-in's link ends on.
func mustOpen(c *company, link string) string {
	address, _ := c.issuer.Open(link, false)
	return address
}

// TestSignInPage: the same on the page, in a browser.
func TestSignInPage(t *testing.T) {
	c := newCompany(t, "")
	c.more = map[string]func(string) (any, error){
		"visit": func(link string) (any, error) { return mustOpen(c, link), nil },
		"deny": func(yes string) (any, error) {
			c.issuer.Set(testpeers.IssuerSettings{Deny: yes == "yes"})
			return true, nil
		},
		"device": func(code string) (any, error) {
			c.issuer.Enter(c.issuer.URL+"/device", code)
			return true, nil
		},
	}
	c.browse("signin.mjs")
	if n := c.issuer.Stats().RevokedGrants; n != 3 {
		t.Errorf("%d sign-ins were ended at the issuer, want 3", n)
	}
}
