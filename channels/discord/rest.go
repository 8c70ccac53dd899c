package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
)

const (
	apiVersion = "v10"
	// userAgent has the form that Discord asks for; it blocks others.
	userAgent  = "DiscordBot (https://github.com/bwmarrin/discordgo, 0.29.0) chatgateway"
	answerMax  = 8 << 20
	answerTime = 20 * time.Second // a request, from its sending to the end of its answer
	tries      = 5
)

// rest sends requests to Discord's HTTP API through discordgo, whose own waiting and repeating is switched off: it
// cannot be stopped, and it repeats what must not be repeated.
type rest struct {
	session *discordgo.Session // never opened; holds no token
	limits  *limiter
	token   func() secret.String
	tick    time.Duration // first pause before a request is repeated
}

// call is one request.
type call struct {
	what    string // for errors: "send"
	method  string
	path    string // "/channels/1/messages"
	route   string // the path without ids; the rate limit goes by it
	major   string // the id that the rate limit goes by besides
	body    any
	raw     []byte // in place of body, of contentType
	content string
	partial bool // never waits: *Busy
	once    bool // not repeated when its outcome is unknown
	token   bool // authorised by the interaction's token in the path, not by the bot's
	unbound bool // no rate limit of ours: it must be sent at once
}

// exchange is what came back for one request.
type exchange struct {
	status int
	header http.Header
	body   []byte
}

type exchangeKey struct{}

// do sends c, as often as it takes and is allowed, and decodes the answer into out, if that is not nil.
func (r *rest) do(ctx context.Context, c call, out any) error {
	if c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return fmt.Errorf("discord: %s: %w", c.what, err)
		}
		c.raw, c.content = raw, "application/json"
	}
	for n := 1; ; n++ {
		x, err := r.try(ctx, c)
		if err == nil && x.status < 300 {
			if out == nil || len(x.body) == 0 {
				return nil
			}
			if err := json.Unmarshal(x.body, out); err != nil {
				return fmt.Errorf("discord: %s: read the answer: %w", c.what, err)
			}
			return nil
		}
		var busy *channels.Busy
		switch {
		case errors.As(err, &busy):
			return busy
		case ctx.Err() != nil:
			return fmt.Errorf("discord: %s: %w", c.what, ctx.Err())
		case err == nil && x.status == http.StatusTooManyRequests && !is(r.refused(c, x), codeEditsOver):
			// try has told the limiter how long to wait, and the next try does.
			after, _ := refusal(x)
			if c.partial {
				return &channels.Busy{After: after}
			}
			if c.unbound {
				if err := adapter.Pause(ctx, after); err != nil {
					return fmt.Errorf("discord: %s: %w", c.what, err)
				}
			}
			if n < 2*tries {
				continue
			}
		case err == nil && !r.refused(c, x).passing():
			return r.refused(c, x)
		case c.partial:
			return &channels.Busy{After: 2 * time.Second}
		}
		if n >= tries || c.once {
			if err != nil {
				return fmt.Errorf("discord: %s: %w", c.what, err)
			}
			return r.refused(c, x)
		}
		if err := adapter.Pause(ctx, adapter.Jitter(r.tick<<(n-1))); err != nil {
			return fmt.Errorf("discord: %s: %w", c.what, err)
		}
	}
}

// try sends c once.
func (r *rest) try(ctx context.Context, c call) (*exchange, error) {
	var t *lease
	if !c.unbound {
		var err error
		if t, err = r.limits.take(ctx, c.method+" "+c.route, c.major, c.partial, !c.token); err != nil {
			return nil, err
		}
	}
	x := &exchange{}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, exchangeKey{}, x), answerTime)
	defer cancel()
	if c.token {
		ctx = context.WithValue(ctx, noTokenKey{}, true)
	}
	// A bucket of its own keeps discordgo's limiter out of the way.
	b := &discordgo.Bucket{}
	b.Lock()
	_, err := r.session.RequestWithLockedBucket(c.method, strings.TrimSuffix(discordgo.EndpointAPI, "/")+c.path, c.content, c.raw, b, 0,
		discordgo.WithContext(ctx), discordgo.WithRetryOnRatelimit(false), discordgo.WithRestRetries(0))
	after, global := refusal(x)
	if t != nil {
		t.done(x.header, after, global)
	}
	if x.status == 0 {
		return nil, r.bare(err)
	}
	return x, nil // whatever discordgo made of it, x is what Discord said
}

// refusal reads how long a 429 asks to wait; 0 if x is none. Discord's front answers without JSON.
func refusal(x *exchange) (after time.Duration, global bool) {
	if x.status != http.StatusTooManyRequests {
		return 0, false
	}
	var body struct {
		After  float64 `json:"retry_after"`
		Global bool    `json:"global"`
	}
	isJSON := json.Unmarshal(x.body, &body) == nil
	after = max(time.Duration(body.After*float64(time.Second)), time.Millisecond)
	if body.After <= 0 {
		after = max(seconds(x.header.Get("Retry-After")), time.Second)
	}
	global = body.Global || x.header.Get("X-Ratelimit-Global") != "" || !isJSON
	return after, global
}

// bare takes the address out of a transport error: an interaction's address holds its token.
func (r *rest) bare(err error) error {
	if err == nil {
		return errors.New("no answer")
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if t := r.token().Reveal(); t != "" && strings.Contains(err.Error(), t) {
		return errors.New("the request could not be sent")
	}
	return err
}

// refused makes the error for an answer that is no success.
func (r *rest) refused(c call, x *exchange) *apiError {
	e := &apiError{what: c.what, status: x.status}
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(x.body, &body) == nil {
		e.code, e.message = body.Code, adapter.Clip(body.Message, 120)
		if t := r.token().Reveal(); t != "" {
			e.message = strings.ReplaceAll(e.message, t, secret.Mask)
		}
	}
	return e
}

// transport sends discordgo's requests to the configured address and version, authorises them, and keeps what came
// back, for discordgo tells only part of it.
type transport struct {
	base    *url.URL // "https://discord.com/api"
	token   func() secret.String
	next    http.RoundTripper
	gateway func() string // answers GET /gateway without a request; nil: it is sent
}

type noTokenKey struct{}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/api/v"+discordgo.APIVersion)
	if t.gateway != nil && path == "/gateway" {
		body, err := json.Marshal(map[string]string{"url": t.gateway()})
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
	}
	to, err := url.Parse(t.base.String() + "/" + apiVersion + path)
	if err != nil {
		return nil, errors.New("the address of the request is not one")
	}
	to.RawQuery = req.URL.RawQuery
	req = req.Clone(req.Context())
	req.URL, req.Host = to, ""
	req.Header.Set("User-Agent", userAgent)
	req.Header.Del("Authorization")
	if req.Context().Value(noTokenKey{}) == nil {
		req.Header.Set("Authorization", "Bot "+t.token().Reveal())
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return res, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
	if cerr := res.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	x.header, x.body = res.Header, body
	x.status = res.StatusCode // last: what is not whole is no answer
	res.Header = http.Header{}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
