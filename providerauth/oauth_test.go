package providerauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/login"
)

// server is an authorization server without a network: a function from request to answer.
type server struct {
	mu    sync.Mutex // guards seen
	seen  []url.Values
	reply func(r *http.Request, form url.Values) (*http.Response, error)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(data))
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var m map[string]string
		err = json.Unmarshal(data, &m)
		form = url.Values{"json": {"yes"}}
		for k, v := range m {
			form.Set(k, v)
		}
	}
	if err != nil {
		return nil, err
	}
	form.Set("path", r.URL.Path)
	s.mu.Lock()
	s.seen = append(s.seen, form)
	s.mu.Unlock()
	return s.reply(r, form)
}

func (s *server) requests() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

func (s *server) client() Client {
	return Client{
		Name: "Acme", ID: "our-client", AuthorizeURL: "https://id.example/authorize", TokenURL: "https://id.example/token",
		DeviceURL: "https://id.example/device", RevokeURL: "https://id.example/revoke", RedirectURL: "https://id.example/shown",
		Scopes: []string{"openid", "models"}, HTTP: &http.Client{Transport: s, Timeout: exchangeTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// always answers every request alike.
func always(status int, body string, header ...string) *server {
	return &server{reply: func(*http.Request, url.Values) (*http.Response, error) { return reply(status, body, header...), nil }}
}

const goodAnswer = `{"access_token":"FAKE-access","refresh_token":"FAKE-refresh","expires_in":3600,"token_type":"bearer"}`

var old = Credential{ID: "acme", Type: OAuth, Access: secret.New("FAKE-old-access"), Refresh: secret.New("FAKE-old-refresh")}

func TestRefresh(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig"
	}
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, c := range map[string]struct {
			answer  string
			expires time.Time
			header  []string
		}{
			"a number":         {`"expires_in":3600`, now.Add(time.Hour), nil},
			"a text":           {`"expires_in":"3600"`, now.Add(time.Hour), nil},
			"a fraction":       {`"expires_in":3599.5`, now.Add(3599500 * time.Millisecond), nil},
			"nothing":          {`"x":1`, time.Time{}, nil},
			"zero":             {`"expires_in":0`, time.Time{}, nil},
			"null":             {`"expires_in":null`, time.Time{}, nil},
			"a word":           {`"expires_in":"soon"`, time.Time{}, nil},
			"a thousand years": {`"expires_in":1e300`, time.Time{}, nil},
			"a JWT's":          {fmt.Sprintf(`"access_token":%q`, jwt(fmt.Sprintf(`{"exp":%d}`, now.Add(time.Hour).Unix()))), now.Add(time.Hour), nil},
			"a JWT's, by a clock ten minutes ahead": {fmt.Sprintf(`"access_token":%q`, jwt(fmt.Sprintf(`{"exp":%d}`, now.Add(70*time.Minute).Unix()))),
				now.Add(time.Hour), []string{"Date", now.Add(10 * time.Minute).UTC().Format(http.TimeFormat)}},
			"a JWT's, by a clock ten minutes behind": {fmt.Sprintf(`"access_token":%q`, jwt(fmt.Sprintf(`{"exp":%d}`, now.Add(50*time.Minute).Unix()))),
				now.Add(time.Hour), []string{"Date", now.Add(-10 * time.Minute).UTC().Format(http.TimeFormat)}},
		} {
			s := always(200, `{"access_token":"FAKE-access",`+c.answer+`}`, c.header...)
			got, err := s.client().Refresh(t.Context(), old)
			if err != nil || got.Access.Empty() {
				t.Errorf("%s: %v", name, err)
			}
			if !got.Expires.Equal(c.expires) {
				t.Errorf("%s: expires %v, want %v", name, got.Expires, c.expires)
			}
		}
	})
	s := always(200, goodAnswer)
	c := s.client()
	c.Finish = func(cred *Credential, answer map[string]any) error {
		cred.Owner = text(answer, "token_type")
		return errors.New("no account id")
	}
	if got, err := c.Refresh(t.Context(), old); err != nil || got.Owner != "bearer" {
		t.Errorf("a renewed token was thrown away over its trimmings: %v", err)
	}
	if f := s.requests()[0]; f.Get("refresh_token") != "FAKE-old-refresh" || f.Get("client_id") != "our-client" || f.Get("grant_type") != "refresh_token" {
		t.Errorf("sent %v", f)
	}
	c.JSON, c.Secret = true, secret.New("FAKE-client-secret")
	if _, err := c.Refresh(t.Context(), old); err != nil {
		t.Error(err)
	}
	if f := s.requests()[1]; f.Get("json") != "yes" || f.Get("client_secret") != "FAKE-client-secret" {
		t.Errorf("sent %v", f)
	}
}

func TestFailuresOfAnAuthorizationServer(t *testing.T) {
	leak := `FAKE-leaked-by-the-server`
	for name, c := range map[string]struct {
		s       *server
		dead    bool
		known   bool // it is known that no token was lost
		mention string
	}{
		"ended":             {always(400, `{"error":"invalid_grant","error_description":"`+leak+`"}`), true, true, "invalid_grant"},
		"ended, an object":  {always(401, `{"error":{"type":"x","code":"refresh_token_reused","message":"`+leak+`"}}`), true, true, "refresh_token_reused"},
		"wrong client":      {always(401, `{"error":"invalid_client"}`), false, true, "invalid_client"},
		"a foreign word":    {always(400, `{"error":"`+leak+`"}`), false, true, "status 400"},
		"too many":          {always(429, `{}`, "Retry-After", "7"), false, true, "status 429"},
		"failing":           {always(503, `<html>`+leak), false, true, "status 503"},
		"refused with 200":  {always(200, `{"error":"invalid_grant"}`), true, true, "invalid_grant"},
		"cut off":           {always(200, goodAnswer[:60]), false, false, "broke off"},
		"a page":            {always(200, `<html>`+leak, "Content-Type", "text/html"), false, false, "broke off"},
		"empty":             {always(200, ``), false, false, "broke off"},
		"no token":          {always(200, `{"ok":true}`), false, false, "broke off"},
		"sent elsewhere":    {always(302, ``, "Location", "https://evil.example/"), false, true, "status 302"},
		"no connection":     {failing(&net.OpError{Op: "dial", Err: errors.New("refused " + leak)}), false, true, "cannot be reached"},
		"no such host":      {failing(&net.DNSError{Name: leak}), false, true, "cannot be reached"},
		"connection broken": {failing(io.ErrUnexpectedEOF), false, false, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.s.client().Refresh(t.Context(), old)
			if err == nil {
				t.Fatal("no error")
			}
			if errors.Is(err, ErrNeedsLogin) != c.dead {
				t.Errorf("dead is %v: %v", !c.dead, err)
			}
			if unknown(err) == c.known {
				t.Errorf("the outcome counts as known: %v", !c.known)
			}
			e, _ := errors.AsType[*OAuthError](err)
			all := fmt.Sprintf("%v %+v %s %s", err, err, e.UserMessage(), e.Reason())
			if strings.Contains(all, "FAKE") || strings.Contains(all, "id.example") {
				t.Errorf("it leaks: %s", all)
			}
			if !strings.Contains(err.Error(), c.mention) {
				t.Errorf("%v does not mention %q", err, c.mention)
			}
			if n := len(c.s.requests()); n != 1 {
				t.Errorf("%d requests: a one-time token was sent again", n)
			}
		})
	}
}

func failing(err error) *server {
	return &server{reply: func(*http.Request, url.Values) (*http.Response, error) { return nil, err }}
}

func TestAHangingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{reply: func(r *http.Request, _ url.Values) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		start := time.Now()
		_, err := s.client().Refresh(t.Context(), old)
		if err == nil || time.Since(start) > exchangeTime {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		w := worldOn(t, NewMemory(token(1, -time.Hour)))
		sc := w.acme.scheme()
		sc.Refresh = s.client().Refresh
		w.m.SetSchemes([]Scheme{sc})
		start = time.Now()
		w.wantErr(Want{}, ErrRenewal)
		if d := time.Since(start); d > updateTime {
			t.Errorf("it took %v", d)
		}
	})
}

func TestEndpointsMustBeSafe(t *testing.T) {
	s := always(200, goodAnswer)
	for _, to := range []string{"", "http://id.example/token", "javascript:alert(1)", "file:///etc/passwd", "//id.example", "https://"} {
		c := s.client()
		c.TokenURL = to
		if _, err := c.Refresh(t.Context(), old); err == nil {
			t.Errorf("%q was taken", to)
		}
	}
	if len(s.requests()) > 0 {
		t.Error("a token was sent")
	}
}

func TestRevoke(t *testing.T) {
	s := always(200, ``)
	if err := s.client().Revoke(t.Context(), old); err != nil {
		t.Error(err)
	}
	if f := s.requests()[0]; f.Get("token") != "FAKE-old-refresh" || f.Get("token_type_hint") != "refresh_token" || f.Get("path") != "/revoke" {
		t.Errorf("sent %v", f)
	}
	if err := always(503, ``).client().Revoke(t.Context(), old); err == nil || !strings.Contains(userMessage(err), "your account's settings") {
		t.Errorf("got %v", err)
	}
}

func TestDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Duration
		start := time.Now()
		turns := []func() (*http.Response, error){
			func() (*http.Response, error) { return reply(400, `{"error":"authorization_pending"}`), nil },
			func() (*http.Response, error) { return reply(400, `{"error":"slow_down"}`), nil },
			func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
			func() (*http.Response, error) { return reply(503, `<html>`), nil },
			func() (*http.Response, error) { return reply(429, `{"error":"slow_down"}`), nil },
			func() (*http.Response, error) { return reply(200, goodAnswer), nil },
		}
		s := &server{}
		s.reply = func(_ *http.Request, f url.Values) (*http.Response, error) {
			if f.Get("path") == "/device" {
				return reply(200, `{"device_code":"FAKE-device","user_code":"ABCD-EFGH","verification_uri":"https://id.example/activate",`+
					`"verification_uri_complete":"https://id.example/activate?code=ABCD-EFGH","expires_in":600,"interval":5}`), nil
			}
			times = append(times, time.Since(start))
			f1 := turns[0]
			turns = turns[1:]
			return f1()
		}
		c := s.client()
		c.DevicePKCE = true
		p := say()
		cred, err := DeviceMethod("device", "Code", c).Login(t.Context(), p)
		if err != nil || cred.Access.Reveal() != "FAKE-access" {
			t.Fatalf("%v", err)
		}
		want := []time.Duration{6, 12, 24, 36, 48, 66}
		for i := range want {
			if times[i] != want[i]*time.Second {
				t.Errorf("asked at %v, want %v s", times, want)
				break
			}
		}
		step := p.steps[0]
		if step.Code != "ABCD-EFGH" || step.URL != "https://id.example/activate?code=ABCD-EFGH" || !strings.Contains(step.Text, "10 minutes") || step.Field != nil {
			t.Errorf("shown %+v", step)
		}
		if last := p.steps[len(p.steps)-1]; !last.Done {
			t.Errorf("the code still stands there: %+v", last)
		}
		f := s.requests()
		if f[0].Get("code_challenge") == "" || f[1].Get("code_verifier") == "" || f[0].Get("scope") != "openid models" {
			t.Errorf("sent %v, %v", f[0], f[1])
		}
	})
}

func TestDeviceEnds(t *testing.T) {
	device := `{"device_code":"FAKE-device","user_code":"ABCD","verification_uri":"https://id.example/a","expires_in":60}`
	for name, c := range map[string]struct {
		device, token string
		status        int
		want          error
		mention       string
	}{
		"declined":  {device, `{"error":"access_denied"}`, 400, nil, "declined"},
		"run out":   {device, `{"error":"expired_token"}`, 400, login.ErrExpired, ""},
		"too late":  {device, `{"error":"authorization_pending"}`, 400, login.ErrExpired, ""},
		"forgotten": {device, `{"error":"invalid_grant"}`, 400, nil, "did not take the code"},
		"a trick":   {`{"device_code":"d","user_code":"c","verification_uri":"javascript:alert(1)"}`, ``, 200, nil, "could not be read"},
		"no code":   {`{}`, ``, 200, nil, "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{reply: func(_ *http.Request, f url.Values) (*http.Response, error) {
					if f.Get("path") == "/device" {
						return reply(200, c.device), nil
					}
					return reply(c.status, c.token), nil
				}}
				p := say()
				_, err := DeviceMethod("device", "Code", s.client()).Login(t.Context(), p)
				if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(userMessage(err), c.mention) {
					t.Errorf("got %v", err)
				}
				if len(p.steps) > 0 && !p.steps[len(p.steps)-1].Done {
					t.Error("the code still stands there")
				}
			})
		})
	}
	t.Run("canceled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := always(200, device)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			p := say()
			if _, err := DeviceMethod("device", "Code", s.client()).Login(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if !p.steps[len(p.steps)-1].Done {
				t.Error("the code still stands there")
			}
		})
	})
}
