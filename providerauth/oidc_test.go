package providerauth

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatgateway/internal/testpeers"
	"chatgateway/login"
)

// real is a provider that is signed in to at a real authorization server.
func real(i *testpeers.Issuer) Client {
	return Client{
		Name: "Real", ID: "gateway", Scopes: []string{"openid", "email", "offline_access"},
		AuthorizeURL: i.URL + "/auth", TokenURL: i.URL + "/token", DeviceURL: i.URL + "/device/auth", RevokeURL: i.URL + "/token/revocation",
		RedirectURL: "http://localhost/callback", HTTP: &http.Client{Transport: impatient{}, Timeout: exchangeTime},
	}
}

// impatient puts an interval into the answer to a device request, where the server gives none and the default is long.
type impatient struct{}

func (impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := httpClient.Transport.RoundTrip(r)
	if err != nil || r.URL.Path != "/device/auth" {
		return resp, err
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(strings.Replace(string(data), "{", `{"interval":0.1,`, 1)))
	return resp, err
}

func realScheme(c Client) Scheme {
	pasted := c
	pasted.RedirectURL = strings.TrimSuffix(c.TokenURL, "/token") + "/test/shown"
	return Scheme{
		ID: "real", Name: "Real", Refresh: c.Refresh, Revoke: c.Revoke,
		Methods: []Method{PasteMethod("paste", "Paste", pasted), LoopbackMethod("browser", "Browser", c), DeviceMethod("device", "Device", c)},
	}
}

// visitor is a person who does what a step asks, in a browser here or on another device.
func visitor(t *testing.T, i *testpeers.Issuer, sameHost bool) *person {
	p := say()
	p.shown = func(s login.Step) {
		switch {
		case s.Code != "":
			i.Enter(s.URL, s.Code)
		case s.Field != nil && s.URL != "":
			address, page := i.Open(s.URL, sameHost)
			if sameHost && strings.Contains(s.URL, "localhost") {
				if !strings.Contains(page, "close this window") {
					t.Errorf("the browser ends on %s", page)
				}
				return
			}
			p.mu.Lock()
			p.answers = append(p.answers, address)
			p.mu.Unlock()
		}
	}
	return p
}

func realManager(t *testing.T, i *testpeers.Issuer, path string) *Manager {
	m := New(Options{Store: OpenFile(path), Schemes: []Scheme{realScheme(real(i))}})
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	return m
}

func TestSignInsAtARealServer(t *testing.T) {
	i := testpeers.StartIssuer(t)
	m := realManager(t, i, filepath.Join(t.TempDir(), "providers.json"))
	for name, c := range map[string]struct {
		method   string
		sameHost bool
	}{
		"a pasted address": {"paste", false}, "a browser here": {"browser", true}, "a browser elsewhere": {"browser", false}, "a code": {"device", false},
	} {
		t.Run(name, func(t *testing.T) {
			i.Set(testpeers.IssuerSettings{})
			before := i.Stats()
			id := MakeID("real", strings.ReplaceAll(name, " ", "-"))
			p := visitor(t, i, c.sameHost)
			out, err := m.Login(t.Context(), id, c.method, p)
			if err != nil {
				t.Fatalf("%v\n%s", err, p.text())
			}
			if out.Credential.Owner != "ann@example.org" {
				t.Errorf("it belongs to %q", out.Credential.Owner)
			}
			if d := time.Until(out.Credential.Expires); d < 58*time.Minute || d > time.Hour {
				t.Errorf("it expires in %v", d)
			}
			first, err := m.Credential(t.Context(), Want{Provider: "real", Account: id.Account()})
			if err != nil {
				t.Fatal(err)
			}
			second, err := m.Renew(t.Context(), first)
			if err != nil || second.Access.Equal(first.Access) || second.Refresh.Equal(first.Refresh) {
				t.Fatalf("the renewal: %v", err)
			}
			if _, err = m.Renew(t.Context(), second); err != nil {
				t.Fatalf("the second renewal: %v", err)
			}
			gone, err := m.Logout(t.Context(), id)
			if err != nil || !gone.Removed || !gone.Revoked {
				t.Errorf("the logout: %+v, %v", gone, err)
			}
			after := i.Stats()
			if after.Refreshes-before.Refreshes != 2 || after.RevokedGrants-before.RevokedGrants != 1 || len(after.Errors) > len(before.Errors) && c.method != "device" {
				t.Errorf("the server did %+v", after)
			}
			if _, err := real(i).Refresh(t.Context(), second); !errors.Is(err, ErrNeedsLogin) {
				t.Errorf("a revoked token still works: %v", err)
			}
		})
		t.Run(name+", declined", func(t *testing.T) {
			i.Set(testpeers.IssuerSettings{Deny: true})
			_, err := m.Login(t.Context(), "real", c.method, visitor(t, i, c.sameHost))
			if err == nil || !strings.Contains(userMessage(err), "declined") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReuseEndsASignIn(t *testing.T) {
	i := testpeers.StartIssuer(t)
	m := realManager(t, i, filepath.Join(t.TempDir(), "providers.json"))
	out, err := m.Login(t.Context(), "real", "paste", visitor(t, i, false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Renew(t.Context(), out.Credential); err != nil {
		t.Fatal(err)
	}
	if _, err := real(i).Refresh(t.Context(), out.Credential); !errors.Is(err, ErrNeedsLogin) { // another program has a copy
		t.Fatalf("the old token again: %v", err)
	}
	if i.Stats().RevokedGrants == 0 {
		t.Error("the server does not detect reuse, and the tests of renewals prove little")
	}
	c, err := m.Credential(t.Context(), Want{Provider: "real"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = m.Renew(t.Context(), c); !errors.Is(err, ErrNeedsLogin) {
		t.Errorf("got %v", err)
	}
	rows, _ := m.Status(t.Context(), "real")
	if rows[0].State != StateNeedsLogin {
		t.Errorf("the state is %+v", rows[0])
	}
}

func TestAnAnswerLostOnTheWay(t *testing.T) {
	for _, how := range []string{"lose", "cut"} {
		i := testpeers.StartIssuer(t)
		m := realManager(t, i, filepath.Join(t.TempDir(), "providers.json"))
		out, err := m.Login(t.Context(), "real", "paste", visitor(t, i, false))
		if err != nil {
			t.Fatal(err)
		}
		i.Set(testpeers.IssuerSettings{Fail: []string{how}})
		if _, err := m.Renew(t.Context(), out.Credential); !errors.Is(err, ErrRenewal) {
			t.Errorf("%s: got %v, want a failure that may pass", how, err)
		}
		m.mu.Lock()
		clear(m.failures) // as time would
		m.mu.Unlock()
		_, err = m.Renew(t.Context(), out.Credential)
		if !errors.Is(err, ErrNeedsLogin) || !strings.Contains(userMessage(err), "cut off") || m.Lost() != 1 {
			t.Errorf("%s: got %v, lost %d", how, err, m.Lost())
		}
	}
}
