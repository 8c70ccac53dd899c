package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/lazyregexp"
)

const (
	requestTime = 30 * time.Second
	tries       = 4
	answerMax   = 16 << 20 // bytes of one answer
)

// call says what is about to be asked of Slack.
type call struct {
	what    string // for errors: "send"
	method  string // "chat.postMessage"
	channel string // where Slack's limits count by channel
	partial bool   // it fails with *Busy rather than wait
	once    bool   // if it is not known whether it was carried out, it is not asked again
}

func (cl call) key() string { return cl.method + " " + cl.channel }

// client gives slack-go's client with the tokens of now. It never waits or repeats by itself.
func (c *channel) client() *slackgo.Client {
	return slackgo.New(c.botToken().Reveal(), slackgo.OptionAppLevelToken(c.appToken().Reveal()), slackgo.OptionAPIURL(c.base.String()+"/"),
		slackgo.OptionHTTPClient(agent{c.http}), slackgo.OptionLog(quiet{}))
}

// agent says who asks.
type agent struct{ *http.Client }

// Do implements slack-go's client of HTTP.
func (a agent) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", userAgent)
	return a.Client.Do(r) //nolint:gosec // the address is the owner's setting
}

// quiet keeps slack-go from writing to the standard error output.
type quiet struct{}

// Output implements slack-go's logger.
func (quiet) Output(int, string) error { return nil }

// do asks Slack, within the limits: a refusal with a time is waited for, trouble at Slack's side or on the way is tried
// again a few times. Its errors are *apiError, *channels.Busy or the context's.
func (c *channel) do(ctx context.Context, cl call, ask func(context.Context, *slackgo.Client) error) error {
	for n := 0; ; n++ {
		done, err := c.limits.take(ctx, cl)
		if err != nil {
			return err
		}
		one, cancel := context.WithTimeout(ctx, requestTime)
		err = ask(one, c.client())
		cancel()
		done()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if after := c.refusedFor(err); after > 0 {
			c.limits.hold(cl, after)
			if cl.partial {
				return &channels.Busy{After: after}
			}
			n-- // that is no failure
			continue
		}
		e := wrap(cl.what, err)
		if !e.passing() || cl.once || cl.partial || n+1 >= tries {
			return e
		}
		if err := adapter.Pause(ctx, c.times.backoff(n)); err != nil {
			return err
		}
	}
}

// refusedFor tells how long Slack does not want to be asked; 0: err is no such refusal.
func (c *channel) refusedFor(err error) time.Duration {
	if limited := (*slackgo.RateLimitedError)(nil); errors.As(err, &limited) {
		return max(limited.RetryAfter, c.times.tick)
	}
	if is(wrap("", err), limits...) {
		return 5 * c.times.tick
	}
	return 0
}

// query asks a method that slack-go would decode: it fails on a whole page over one odd block in it.
func (c *channel) query(ctx context.Context, cl call, form url.Values, out any) error {
	return c.do(ctx, cl, func(ctx context.Context, _ *slackgo.Client) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+"/"+cl.method, strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "Bearer "+c.botToken().Reveal())
		res, err := agent{c.http}.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode == http.StatusTooManyRequests {
			after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
			return &slackgo.RateLimitedError{RetryAfter: time.Duration(after) * time.Second}
		}
		if res.StatusCode != http.StatusOK {
			return slackgo.StatusCodeError{Code: res.StatusCode}
		}
		data, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
		if err != nil {
			return err
		}
		var said struct {
			OK     bool   `json:"ok"`
			Error  string `json:"error"`
			Needed string `json:"needed"`
		}
		if err := json.Unmarshal(data, &said); err != nil {
			return err
		}
		if !said.OK {
			return slackgo.SlackErrorResponse{Err: said.Error, Needed: said.Needed}
		}
		return json.Unmarshal(data, out)
	})
}

// wrap makes an error of slack-go's one that shows no address and no body.
func wrap(what string, err error) *apiError {
	e := &apiError{what: what}
	var answer slackgo.SlackErrorResponse
	var code slackgo.StatusCodeError
	switch {
	case errors.As(err, &answer):
		e.code, e.needed = answer.Err, answer.Needed
	case errors.As(err, &code):
		e.status = code.Code
	default:
		e.err = bare(err)
	}
	return e
}

// bare takes the address out of an error.
func bare(err error) error {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

var errorName = lazyregexp.New(`^[a-z_]{3,60}$`)

// respond posts to the address that came with a command or a press. It needs no token; the address is a secret.
func (c *channel) respond(ctx context.Context, what, address string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("slack: %s: %w", what, err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(data))
	if err != nil {
		return &apiError{what: what, err: bare(err)}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", userAgent)
	res, err := c.http.Do(req)
	if err != nil {
		return &apiError{what: what, err: bare(err)}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return &apiError{what: what, err: bare(err)}
	}
	var said struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
	}
	notJSON := json.Unmarshal(text, &said) != nil // on success Slack answers "ok"
	if res.StatusCode == http.StatusOK && (said.OK == nil || *said.OK) {
		return nil
	}
	if notJSON && errorName.Match(text) {
		said.Error = string(text)
	}
	if said.Error == "" && res.StatusCode == http.StatusNotFound {
		said.Error = "expired_url"
	}
	return &apiError{what: what, status: res.StatusCode, code: said.Error}
}
