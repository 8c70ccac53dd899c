package program

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
)

// Visitor is a browser that was let in to the page, without the browser: it keeps its cookie and sends what browsers
// send.
type Visitor struct {
	Client *http.Client // without a time-out: it holds streams open
	origin string
	base   string
}

// Enter lets a visitor in by a fresh link.
func (p *Program) Enter() *Visitor {
	p.T.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.T.Fatal(err)
	}
	v := &Visitor{Client: &http.Client{Jar: jar, Transport: &http.Transport{}}, origin: "http://" + p.Addr}
	out, code := p.Run("", "open")
	_, link, ok := strings.Cut(strings.TrimSpace(out), "#k=")
	if code != 0 || !ok {
		p.T.Fatalf("gateway open: %s", out)
	}
	body, err := v.Call(p.T.Context(), http.MethodPost, "/api/enter", map[string]string{"link": link})
	var in struct{ Session string }
	if err != nil || json.Unmarshal(body, &in) != nil || in.Session == "" {
		p.T.Fatalf("not let in: %v: %s", err, body)
	}
	v.base = "/s/" + in.Session
	return v
}

// Refused is an answer other than 200.
type Refused struct {
	Code int
	Body string
}

// Error implements error.
func (e *Refused) Error() string {
	return fmt.Sprintf("%d %s: %s", e.Code, http.StatusText(e.Code), e.Body)
}

// Final reports whether the same request is refused again, however often it is sent.
func (e *Refused) Final() bool { return e.Code < 500 && e.Code != http.StatusTooManyRequests }

// Call sends a request of the visitor's session, with a body unless in is nil, and gives what it is answered with.
// The error is that of the connection, or *Refused.
func (v *Visitor) Call(ctx context.Context, method, path string, in any) ([]byte, error) {
	resp, err := v.Open(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &Refused{Code: resp.StatusCode, Body: string(out)}
	}
	return out, err
}

// Open is Call for an answer that is read as it comes. The caller closes its body.
func (v *Visitor) Open(ctx context.Context, method, path string, in any) (*http.Response, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	if in == nil {
		data = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, v.origin+v.base+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Origin", v.origin)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.Client.Do(req)
}
