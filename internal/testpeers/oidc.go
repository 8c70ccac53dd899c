package testpeers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Issuer is a running authorization server: panva's oidc-provider, with PKCE demanded, loopback redirects, the device
// flow, rotating refresh tokens whose reuse ends the whole family, and revocation. Its clients are "gateway", which has
// no secret, and "company", whose secret is CompanySecret.
type Issuer struct {
	URL string
	t   testing.TB
}

// CompanySecret is the client secret of "company".
const CompanySecret = "FAKE-client-secret-for-tests" //nolint:gosec // that is what it is

// IssuerSettings change what an Issuer does from now on.
type IssuerSettings struct {
	Deny      bool     `json:"deny"`      // the person declines
	AccessTTL int      `json:"accessTTL"` // seconds that an access token lasts; 0: an hour
	DeviceTTL int      `json:"deviceTTL"` // seconds that a device code lasts; 0: ten minutes
	Slow      int      `json:"slow"`      // milliseconds before a token request is looked at
	Fail      []string `json:"fail"`      // what becomes of the next token requests: "503", "hang", "lose", "cut", ""
}

// IssuerStats are what an Issuer did so far.
type IssuerStats struct {
	Codes, Refreshes, Devices int            // tokens given, by what was exchanged for them
	Errors                    map[string]int // token requests refused, by code
	RevokedGrants             int            // sign-ins ended, by reuse or by revocation
}

// afresh connects for each request: Node closes a connection that was idle for five seconds, perhaps just then.
var afresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// StartIssuer starts one.
func StartIssuer(t testing.TB) *Issuer {
	t.Helper()
	dir := Dir(t, "oidc-provider")
	port := Node(t, filepath.Join(dir, "oidc.mjs"), "http://127.0.0.1:{port}/test/stats", []string{"{port}"}, nil)
	return &Issuer{URL: fmt.Sprintf("http://127.0.0.1:%d", port), t: t}
}

// Set changes its settings.
func (i *Issuer) Set(s IssuerSettings) {
	i.t.Helper()
	if s.Fail == nil {
		s.Fail = []string{}
	}
	if s.AccessTTL == 0 {
		s.AccessTTL = 3600
	}
	if s.DeviceTTL == 0 {
		s.DeviceTTL = 600
	}
	b, err := json.Marshal(s)
	if err != nil {
		i.t.Fatal(err)
	}
	resp, err := afresh.Post(i.URL+"/test/set", "application/json", bytes.NewReader(b)) //nolint:noctx // a test's own server
	if err != nil {
		i.t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// Stats asks what it did so far.
func (i *Issuer) Stats() (s IssuerStats) {
	i.t.Helper()
	resp, err := afresh.Get(i.URL + "/test/stats") //nolint:noctx // a test's own server
	if err != nil {
		i.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		i.t.Fatal(err)
	}
	return s
}

var errElsewhere = errors.New("another site")

// browser is a person's: it keeps cookies and follows redirects, to other sites only if it may.
func (i *Issuer) browser(elsewhere bool) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		i.t.Fatal(err)
	}
	home, _ := url.Parse(i.URL)
	return &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if !elsewhere && r.URL.Host != home.Host || len(via) > 20 {
			return errElsewhere
		}
		return nil
	}}
}

// Open opens the link of a sign-in as the person does who allows it, or declines, and gives the address that the
// browser ends on, with the code. With follow that page is opened, else it is on a device where it cannot be.
func (i *Issuer) Open(link string, follow bool) (address, page string) {
	i.t.Helper()
	resp, err := i.browser(follow).Get(link) //nolint:noctx // bounded by the client
	var ue *url.Error
	if errors.As(err, &ue) && errors.Is(ue.Err, errElsewhere) && resp != nil {
		return resp.Header.Get("Location"), ""
	}
	if err != nil {
		i.t.Errorf("open the link: %v", err)
		return "", ""
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		i.t.Errorf("open the link: %v", err)
	}
	return resp.Request.URL.String(), string(b)
}

var (
	form   = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)".*?</form>`)
	hidden = regexp.MustCompile(`<input[^>]*type="(?:hidden|text)"[^>]*>`)
	attr   = regexp.MustCompile(`(name|value)="([^"]*)"`)
)

// Enter opens the page of a device sign-in, enters the code and allows the access, or declines.
func (i *Issuer) Enter(page, code string) {
	i.t.Helper()
	b, entered := i.browser(false), false
	resp, err := b.Get(page) //nolint:noctx // bounded by the client
	for range 6 {
		if err != nil {
			i.t.Errorf("the device page: %v", err)
			return
		}
		data, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		f := form.FindStringSubmatch(string(data))
		if f == nil {
			return // it says that all is done
		}
		values := url.Values{}
		for _, input := range hidden.FindAllString(f[0], -1) {
			name, value := "", ""
			for _, a := range attr.FindAllStringSubmatch(input, -1) {
				if a[1] == "name" {
					name = a[2]
				} else {
					value = html.UnescapeString(a[2])
				}
			}
			values.Set(name, value)
		}
		if values.Get("confirm") == "" && strings.Contains(f[0], "user_code") {
			if entered {
				return // it asks for the next code: this one was declined
			}
			values.Set("user_code", code)
			entered = true
		}
		resp, err = b.PostForm(html.UnescapeString(f[1]), values) //nolint:noctx // bounded by the client
	}
	i.t.Error("the device page does not end")
}
