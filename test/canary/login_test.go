package canary

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// counter is a model service that answers when it may, and says that it is asked.
type counter struct {
	url   string
	asked chan struct{} // one for each request
	let   chan struct{} // one lets one request go
}

func newCounter(t *testing.T) *counter {
	c := &counter{asked: make(chan struct{}), let: make(chan struct{})}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case c.asked <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		select {
		case <-c.let:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":[{"id":"model-a","object":"model"}]}`)
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func wait(t *testing.T, c chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatalf("it never happens that %s", what)
	}
}

// stored waits until a text stands in providers.json.
func (g *gateway) stored(text string) {
	g.T.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // another process: there is no event
		found := false
		g.Files(func(name string, data []byte) {
			found = found || name == "auth/providers.json" && strings.Contains(string(data), text)
		})
		if found {
			return
		}
		if time.Now().After(deadline) {
			g.T.Fatal("the key is never stored")
		}
	}
}

// TestCanaryLoginKilled kills the gateway in every state of a login on the page. After the restart the person is told,
// nobody waits for the old form, the key is nowhere but in providers.json, and the login can be begun again.
func TestCanaryLoginKilled(t *testing.T) {
	service := newCounter(t)
	keyStored := func(g *gateway, v *visitor, key string) string {
		form := v.form()
		v.post(form, map[string]string{"answer": key})
		wait(g.T, service.asked, "the key is checked")
		service.let <- struct{}{}
		g.stored(key)
		return form
	}
	const cut = "/login groq key` was interrupted by a restart, and I do not run it twice. Send it again."
	for i, state := range []struct {
		name   string
		until  func(*gateway, *visitor, string) (form string)
		told   string
		stored bool
		bare   bool // begun by "Log in" and the choice of a provider
	}{
		{"before the form", func(_ *gateway, _ *visitor, _ string) string { return "" }, cut + `|"forms":\[\{`, false, false},
		{"the form is open", func(_ *gateway, v *visitor, _ string) string { return v.form() }, cut, false, false},
		{"the key was sent", func(_ *gateway, v *visitor, key string) string {
			form := v.form()
			v.post(form, map[string]string{"answer": key})
			return form
		}, cut, false, false},
		{"the key is being checked", func(g *gateway, v *visitor, key string) string {
			form := v.form()
			v.post(form, map[string]string{"answer": key})
			wait(g.T, service.asked, "the key is checked")
			return form
		}, cut, false, false},
		{"the key is stored", keyStored, "/login groq key` was interrupted by a restart. You are logged in to Groq|Logged in to Groq", true, false},
		{"the key of a bare login is stored", keyStored, "/login groq` was interrupted by a restart. You are logged in to Groq|Logged in to Groq", true, true},
	} {
		t.Run(state.name, func(t *testing.T) {
			g := newGateway(t, fmt.Sprintf("providers:\n  groq: {base_url: %q}\n", service.url+"/v1"))
			g.Start()
			conv := fmt.Sprintf("conversation%d", i)
			v := g.visit(conv)
			key := g.secret(state.name, "gsk_")
			if state.bare {
				v.say("/login")
				v.press("Which provider", "Groq")
			} else {
				v.say("/login groq key")
			}
			form := state.until(g, v, key)
			g.Stop(syscall.SIGKILL)
			g.search("killed", map[string]string{"the page": v.told()})

			g.Start()
			v = g.visit(conv)
			v.n = 1
			v.want(state.told)
			if form != "" {
				if said := v.post(form, map[string]string{"answer": g.secret("too late", "gsk_")}); !strings.Contains(said, "Nobody waits for this answer any more") {
					t.Errorf("the old form says %s", said)
				}
			}
			out := g.run("", "auth", "list", "groq")
			if got := !strings.Contains(out, "none yet"); got != state.stored {
				t.Errorf("a login is stored: %v, want %v:\n%s", got, state.stored, out)
			}
			v.say("/cancel")
			v.say("/whoami")
			v.want("You are")
			v.say("/login groq key")
			again := v.form()
			v.post(again, map[string]string{"answer": g.secret("begun again", "gsk_")})
			wait(t, service.asked, "the second key is checked")
			service.let <- struct{}{}
			v.want("Logged in to Groq")
			g.Stop(syscall.SIGTERM)
			g.search("the end", map[string]string{"the page": v.told()})
		})
	}
}
