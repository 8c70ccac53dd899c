// Package wire holds what the providers' clients share: one HTTP client, the place where a credential is put into a
// request, one mapping of failures to the errors of package providers, and bounds. It knows no service.
package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/internal/sse"
	"chatgateway/providerauth"
	"chatgateway/providers"
)

// The bounds on what is read from a service.
const (
	MaxError  = 64 << 10  // of the body of a failure
	MaxList   = 16 << 20  // of any other body that is read whole
	MaxStream = 256 << 20 // of a stream
)

// Service is the HTTP side of one model service. It keeps no state and is safe for concurrent use.
type Service struct {
	ID     string // Part.By of what goes back verbatim
	Name   string // for people
	Base   string // base URL, without a slash at the end
	Hosts  []string
	Client *http.Client
	// Sign puts the credential into the header. It is not called without a secret.
	Sign func(h http.Header, cred providerauth.Credential)
	// Words are the service's own error codes besides the well-known ones.
	Words map[string]error
}

// With applies the options to a provider's own values: base URL and its host, id, name and client.
func (s Service) With(o providers.Options) *Service {
	if o.ID != "" {
		s.ID = o.ID
	}
	if o.Name != "" {
		s.Name = o.Name
	}
	if o.BaseURL != "" {
		s.Base = o.BaseURL
	}
	s.Base = strings.TrimRight(s.Base, "/")
	if h := host(s.Base); h != "" && !slices.Contains(s.Hosts, h) {
		s.Hosts = append(slices.Clone(s.Hosts), h)
	}
	s.Client = Client(o.Client)
	return &s
}

// Call is one request to a service.
type Call struct {
	Method string // empty: GET, or POST with a Body
	Path   string // behind the base URL, or an absolute URL
	Header http.Header
	Body   any // is sent as JSON; nil: none
	Accept string
}

// Do makes one request and gives the answer if its status is 200; everything else is an Error. The caller closes the
// body. Redirects are refused, because net/http would send x-api-key and its like along.
func (s *Service) Do(ctx context.Context, cred providerauth.Credential, c Call) (*http.Response, error) {
	req, err := s.request(ctx, cred, c)
	if err != nil {
		return nil, err
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return nil, s.unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, MaxError))
	return nil, s.Failure(resp.StatusCode, resp.Header, body)
}

func (s *Service) request(ctx context.Context, cred providerauth.Credential, c Call) (*http.Request, error) {
	var body io.Reader
	if c.Body != nil {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false) // what goes back verbatim stays as it was
		if err := enc.Encode(c.Body); err != nil {
			return nil, &providers.Error{Kind: providers.ErrBadRequest, Provider: s.Name, Err: fmt.Errorf("encode the request: %w", err)}
		}
		body = bytes.NewReader(b.Bytes())
		if c.Method == "" {
			c.Method = http.MethodPost
		}
	}
	u := c.Path
	if !strings.Contains(u, "://") {
		u = s.Base + c.Path
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, u, body)
	if err != nil || req.URL.Host == "" {
		return nil, &providers.Error{Kind: providers.ErrUnreachable, Provider: s.Name,
			Hint: s.Name + " needs to be told where it is: set its base_url in config.yaml."}
	}
	for k, v := range c.Header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", UserAgent())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if c.Accept != "" {
		req.Header.Set("Accept", c.Accept)
		req.Header.Set("Accept-Encoding", "identity") // a stream that is packed comes in lumps
	}
	if cred.Secret().Empty() || s.Sign == nil {
		return req, nil
	}
	if !slices.Contains(s.Hosts, req.URL.Hostname()) {
		return nil, &providers.Error{Kind: providers.ErrForbidden, Provider: s.Name,
			Hint: "The credential of " + s.Name + " may not be sent to another host."}
	}
	s.Sign(req.Header, cred)
	return req, nil
}

// JSON makes a request and decodes the whole answer into v.
func (s *Service) JSON(ctx context.Context, cred providerauth.Credential, c Call, v any) error {
	resp, err := s.Do(ctx, cred, c)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxList+1))
	if err != nil {
		return s.Cut(ctx, err)
	}
	if len(b) > MaxList {
		return s.strange(errors.New("the answer is too large"))
	}
	if err := json.Unmarshal(b, v); err != nil {
		if looksFailed(b) {
			return s.Failure(resp.StatusCode, resp.Header, b)
		}
		return s.strange(errors.New("the answer is not the JSON that was expected"))
	}
	return nil
}

// Emit hands a delta to the loop over the stream. It reports false once the loop is broken.
type Emit func(providers.Delta) bool

// Decoder makes deltas of the events of one stream.
type Decoder interface {
	// Event takes one event and emits what it holds. done says that the answer is complete.
	Event(ev sse.Event, emit Emit) (done bool, err error)
	// End is called when the stream ended and no Event was done. It emits what is left, and reports whether the answer
	// is complete all the same.
	End(emit Emit) bool
}

// Stream makes a request for server-sent events and yields what the Decoder makes of them. A stream that ends before
// the answer is complete is ErrCut. prepare runs when the loop begins.
func (s *Service) Stream(ctx context.Context, cred providerauth.Credential, prepare func() (Call, Decoder, error)) iter.Seq2[providers.Delta, error] {
	return s.stream(ctx, cred, "text/event-stream", sse.Read, prepare)
}

// Lines is Stream for a service that sends one JSON value a line.
func (s *Service) Lines(ctx context.Context, cred providerauth.Credential, prepare func() (Call, Decoder, error)) iter.Seq2[providers.Delta, error] {
	return s.stream(ctx, cred, "application/x-ndjson", readLines, prepare)
}

func (s *Service) stream(ctx context.Context, cred providerauth.Credential, accept string,
	read func(io.Reader) iter.Seq2[sse.Event, error], prepare func() (Call, Decoder, error)) iter.Seq2[providers.Delta, error] {
	return func(yield func(providers.Delta, error) bool) {
		fail := func(err error) { yield(providers.Delta{}, err) }
		call, decoder, err := prepare()
		if err != nil {
			fail(err)
			return
		}
		call.Accept = accept
		resp, err := s.Do(ctx, cred, call)
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if err := s.notStream(resp); err != nil {
			fail(err)
			return
		}
		broken := false
		emit := func(d providers.Delta) bool {
			broken = broken || !yield(d, nil)
			return !broken
		}
		for ev, err := range read(io.LimitReader(resp.Body, MaxStream)) {
			done := false
			if err == nil {
				done, err = decoder.Event(ev, emit)
			}
			switch {
			case broken || err == nil && done:
				return
			case err != nil || ctx.Err() != nil:
				fail(s.Cut(ctx, err))
				return
			}
		}
		if whole := decoder.End(emit); !whole && !broken {
			fail(s.Cut(ctx, io.ErrUnexpectedEOF))
		}
	}
}

// notStream looks at what came instead of a stream: a page, or a failure with status 200.
func (s *Service) notStream(resp *http.Response) error {
	t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch t {
	case "text/html":
		return s.strange(errors.New("the answer is a page"))
	case "application/json":
		if strings.Contains(resp.Request.Header.Get("Accept"), "ndjson") {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, MaxError))
		if err != nil {
			return s.Cut(resp.Request.Context(), err)
		}
		if looksFailed(b) {
			return s.Failure(resp.StatusCode, resp.Header, b)
		}
		return s.strange(errors.New("the answer is not a stream"))
	}
	return nil
}

// Cut is the error of an answer that ended in the middle; an Error of package providers is passed on.
func (s *Service) Cut(ctx context.Context, err error) error {
	var own *providers.Error
	switch {
	case ctx.Err() != nil:
		return Ended(ctx, s.Name)
	case errors.As(err, &own):
		return err
	}
	return &providers.Error{Kind: providers.ErrCut, Provider: s.Name, Err: err}
}

// Unable says that a model cannot take something.
func (s *Service) Unable(hint string) error {
	return &providers.Error{Kind: providers.ErrUnable, Provider: s.Name, Hint: hint}
}

func (s *Service) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return Ended(ctx, s.Name)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL
	}
	return &providers.Error{Kind: providers.ErrUnreachable, Provider: s.Name, Err: err}
}

func (s *Service) strange(err error) error {
	return &providers.Error{Kind: providers.ErrBadRequest, Provider: s.Name, Status: http.StatusOK, Err: err,
		Hint: s.Name + " did not answer as a model service does. If its base URL was changed, check it in config.yaml; else try again with /retry."}
}

// Ended is the error of a stream whose context has ended: ErrTimeout if that is what it ended for, else ErrCut. The
// context's error and its cause can be found in it.
func Ended(ctx context.Context, name string) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	kind := providers.ErrCut
	if errors.Is(cause, providers.ErrTimeout) || errors.Is(cause, context.DeadlineExceeded) {
		kind = providers.ErrTimeout
	}
	if !errors.Is(cause, err) {
		err = errors.Join(err, cause)
	}
	return &providers.Error{Kind: kind, Provider: name, Err: err}
}

// Client gives a client that refuses redirects. nil is one that all share: it asks for TLS 1.2, honours the proxy
// variables, notices dead connections, and has no time limit on an answer, because answers are long.
func Client(c *http.Client) *http.Client {
	if c == nil {
		return shared()
	}
	own := *c
	own.CheckRedirect = refuse
	return &own
}

var shared = sync.OnceValue(func() *http.Client {
	return &http.Client{CheckRedirect: refuse, Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}}
})

func refuse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// UserAgent is what every request says of who sends it.
var UserAgent = sync.OnceValue(func() string {
	v := "dev"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	return "chatgateway/" + v
})

func host(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Local reports whether a URL leads to this host.
func Local(base string) bool {
	h := host(base)
	ip := net.ParseIP(h)
	return h == "localhost" || ip != nil && ip.IsLoopback()
}
