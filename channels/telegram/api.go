package telegram

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

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/internal/secret"
)

// DefaultAPI is Telegram's own server.
const DefaultAPI = "https://api.telegram.org"

const (
	callTime   = 30 * time.Second // bounds one request
	uploadTime = 5 * time.Minute  // … that carries files
	maxAnswer  = 16 << 20         // bytes of an answer; the server sends 4 MiB at the most
)

// wellFormed reports whether a token looks like those that @BotFather gives. It keeps a token with a line break, say,
// out of URLs.
func wellFormed(token string) bool {
	id, rest, ok := strings.Cut(token, ":")
	_, err := strconv.ParseUint(id, 10, 64)
	return ok && err == nil && plainWord(strings.ReplaceAll(rest, "-", "_"))
}

// api speaks to the server with one token.
type api struct {
	base  string // without a slash at its end
	token secret.String
	http  *http.Client
}

// reply is what the server said no with.
type reply struct {
	method string
	code   int           // as in HTTP
	text   string        // the server's description
	after  time.Duration // 429: when to try again
	moved  int64         // 400: the supergroup that the group has become
}

func (r *reply) Error() string { return fmt.Sprintf("%s: %d %s", r.method, r.code, r.text) }

// says reports whether the description holds one of the phrases.
func (r *reply) says(phrases ...string) bool {
	text := strings.ToLower(r.text)
	for _, p := range phrases {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// call carries out a method and decodes its result into result, unless that is nil.
func (a *api) call(ctx context.Context, method string, p tgbotapi.Params, result any) error {
	return a.do(ctx, method, result, func(b *tgbotapi.BotAPI) (*tgbotapi.APIResponse, error) {
		return b.MakeRequest(method, p)
	})
}

// upload is call with files.
func (a *api) upload(ctx context.Context, method string, p tgbotapi.Params, files []tgbotapi.RequestFile, result any) error {
	return a.do(ctx, method, result, func(b *tgbotapi.BotAPI) (*tgbotapi.APIResponse, error) {
		return b.UploadFiles(method, p, files)
	})
}

func (a *api) do(ctx context.Context, method string, result any, send func(*tgbotapi.BotAPI) (*tgbotapi.APIResponse, error)) error {
	if !wellFormed(a.token.Reveal()) {
		return &reply{method: method, code: http.StatusUnauthorized, text: "the token has not the form of one"}
	}
	t := &transport{ctx: ctx, http: a.http}
	b := &tgbotapi.BotAPI{Token: a.token.Reveal(), Client: t}
	b.SetAPIEndpoint(a.base + "/bot%s/%s")
	resp, err := send(b)
	var no *tgbotapi.Error
	switch {
	case errors.As(err, &no):
		return a.refused(method, t.status, no)
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case t.status >= 400 && err != nil: // a page of a proxy, not an answer of the API
		return &reply{method: method, code: t.status, text: http.StatusText(t.status)}
	case err != nil:
		return fmt.Errorf("%s: %w", method, a.scrub(err))
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(resp.Result, result); err != nil {
		return fmt.Errorf("%s: the answer is not what it should be: %w", method, a.scrub(err))
	}
	return nil
}

// refused makes an error of the server's. UploadFiles drops the code, so the HTTP status stands in.
func (a *api) refused(method string, status int, no *tgbotapi.Error) error {
	r := &reply{method: method, code: no.Code, text: a.clean(no.Message), moved: no.MigrateToChatID}
	if r.code == 0 {
		r.code = status
	}
	if no.RetryAfter > 0 {
		r.code, r.after = http.StatusTooManyRequests, time.Duration(no.RetryAfter)*time.Second
	} else if r.code == http.StatusTooManyRequests {
		r.after = time.Second
	}
	return r
}

// scrub gives an error whose text does not hold the token; it unwraps to what err does.
func (a *api) scrub(err error) error {
	if text := err.Error(); a.clean(text) != text {
		return &scrubbed{err, a.clean(text)}
	}
	return err
}

func (a *api) clean(text string) string {
	token := a.token.Reveal()
	for _, form := range []string{token, url.QueryEscape(token), url.PathEscape(token)} {
		text = strings.ReplaceAll(text, form, secret.Mask)
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

type scrubbed struct {
	err  error
	text string
}

func (s *scrubbed) Error() string { return s.text }
func (s *scrubbed) Unwrap() error { return s.err }

// fetch opens a file by its id. The URL holds the token and stays here.
func (a *api) fetch(ctx context.Context, id string) (*http.Response, error) {
	var f tgbotapi.File
	if err := a.call(ctx, "getFile", tgbotapi.Params{"file_id": id}, &f); err != nil {
		return nil, err
	}
	if f.FilePath == "" || strings.HasPrefix(f.FilePath, "/") {
		return nil, errors.New("getFile: the server gives no path that can be read over HTTP (is it in --local mode?)")
	}
	path := (&url.URL{Path: f.FilePath}).EscapedPath()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/file/bot"+a.token.Reveal()+"/"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("download: %w", a.scrub(err))
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("download: %w", a.scrub(bare(err)))
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, &reply{method: "download", code: resp.StatusCode, text: http.StatusText(resp.StatusCode)}
	}
	return resp, nil
}

// transport is what the library sends one request with. It brings the context, which the library does not know; it
// keeps the status, which the library drops; and it reads the body whole, so that the connection can be used again
// and a cut body is an error of the network.
type transport struct {
	ctx    context.Context //nolint:containedctx // it lives for one call
	http   *http.Client
	status int
}

// Do implements tgbotapi.HTTPClient.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.http.Do(req.WithContext(t.ctx)) //nolint:gosec // the address is the owner's setting, the rest is ours
	if err != nil {
		return nil, bare(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read, or its error is the answer
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	t.status = resp.StatusCode
	if len(body) > maxAnswer {
		return nil, errors.New("the answer is too long")
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// bare takes the URL, which holds the token, off an error of net/http.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// client makes the client for polls or for sending; the two share no connection, so that no poll that is held keeps a
// message waiting.
func client(given *http.Client) *http.Client {
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	from := http.DefaultTransport
	if given != nil && given.Transport != nil {
		from = given.Transport
	}
	t, ok := from.(*http.Transport)
	if !ok {
		c.Transport = from
		return c
	}
	t = t.Clone()
	// HTTP/1: a connection that died is then one request's, and closed with it.
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	if t.TLSClientConfig != nil {
		t.TLSClientConfig.NextProtos = nil
	}
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = 128, 128, 128 // a burst does not shake hands anew
	t.TLSHandshakeTimeout = 10 * time.Second
	c.Transport = t
	return c
}

// lasting reports whether an error will be the same next time: the server answered, and meant it.
func lasting(err error) bool {
	var r *reply
	return errors.As(err, &r) && r.code < http.StatusInternalServerError && r.code != http.StatusTooManyRequests
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
