package twitch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
)

const (
	twitchAPI   = "https://id.twitch.tv"
	noAPI       = "off"
	warnBefore  = 48 * time.Hour   // the end of a token that cannot renew itself
	renewBefore = 10 * time.Minute // the end of one that can
)

// scopes are what the bot needs.
var scopes = []string{"chat:read", "chat:edit"}

// auth cares for the bot's token: it looks at it before every connection and every hour, as Twitch asks, and renews it
// where it can. A renewed token is stored before it is used.
type auth struct {
	account string
	secrets channelauth.Source
	base    string // without a slash at the end; "": nothing is checked
	http    *http.Client
	log     *slog.Logger

	mu     sync.Mutex
	seen   validation    // guarded by mu, as all below: what Twitch said last
	stale  secret.String // the stored token that fresh took the place of
	fresh  secret.String // a token that could not be stored
	unkept string        // why; a sentence
	ending bool          // Twitch refused to renew the token
}

// validation is what Twitch says of a token.
type validation struct {
	Login   string    `json:"login"`
	UserID  string    `json:"user_id"`
	Client  string    `json:"client_id"`
	Scopes  []string  `json:"scopes"`
	Seconds int64     `json:"expires_in"`
	expires time.Time // zero: it does not
}

func newAuth(o channels.Options, base string) (*auth, error) {
	a := &auth{account: string(o.Account), secrets: o.Secrets, http: client(o), log: o.Log}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	switch base {
	case noAPI:
		return a, nil
	case "":
		base = twitchAPI
	}
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Host)) {
		return nil, errors.New(`twitch: api_base must be an address such as https://id.twitch.tv (http on this host alone), or "off"`)
	}
	a.base = u.String()
	return a, nil
}

// off reports whether nothing is checked: the server is none of Twitch's.
func (a *auth) off() bool { return a.base == "" }

// token is the one to log in with, without "oauth:".
func (a *auth) token() secret.String {
	t := bare(a.secrets.Secret(tokenField))
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.fresh.Empty() && a.stale.Equal(t) {
		return a.fresh
	}
	return t
}

// bare takes the prefix off that IRC wants and HTTP does not.
func bare(t secret.String) secret.String {
	s := strings.TrimSpace(t.Reveal())
	if len(s) >= 6 && strings.EqualFold(s[:6], "oauth:") {
		s = s[6:]
	}
	return secret.New(s)
}

// owner is who the token belongs to, as far as it is known.
func (a *auth) owner() self {
	a.mu.Lock()
	defer a.mu.Unlock()
	return self{id: a.seen.UserID, login: strings.ToLower(a.seen.Login)}
}

// canRefresh reports whether the token can renew itself: what is needed is there, and what comes back can be kept.
func (a *auth) canRefresh() bool {
	return !a.off() && !a.secrets.Secret(refreshField).Empty() && !a.secrets.Secret(idField).Empty() &&
		a.secrets.From(tokenField) == channelauth.FromFile && a.secrets.From(refreshField) == channelauth.FromFile
}

// ready makes sure before a connection that the token is good, renewing it if need be. Where Twitch cannot be asked,
// the connection is tried all the same if the bot's name is known.
func (a *auth) ready(ctx context.Context) error {
	if a.off() {
		return nil
	}
	err := a.look(ctx, renewBefore)
	if err == nil || errors.Is(err, channels.ErrRejected) {
		return err
	}
	if a.owner().login == "" {
		return err
	}
	a.log.Warn("twitch: the token was not checked", "account", a.account, "err", err)
	return nil
}

// look asks Twitch about the token, and renews it if it is no good, or not for as long as ahead.
func (a *auth) look(ctx context.Context, ahead time.Duration) error {
	used := a.token()
	v, err := a.validate(ctx, used)
	switch {
	case errors.Is(err, channels.ErrRejected) && a.canRefresh():
		if err := a.renew(ctx, used); err != nil {
			return err
		}
		v, err = a.validate(ctx, a.token())
	case err == nil && !v.expires.IsZero() && time.Until(v.expires) < ahead && a.canRefresh():
		if renewed := a.renew(ctx, used); renewed == nil {
			v, err = a.validate(ctx, a.token())
		} else if errors.Is(renewed, channels.ErrRejected) {
			a.log.Warn("twitch: the token could not be renewed", "account", a.account, "err", renewed)
			a.mu.Lock()
			a.ending = true
			a.mu.Unlock()
		} else {
			return renewed
		}
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.seen = v
	a.mu.Unlock()
	if lack := v.lacks(); lack != "" {
		return &stateError{fmt.Sprintf("The token of %s lacks %s; get another one: gateway channels login %s", v.Login, lack, a.account), channels.ErrRejected}
	}
	return nil
}

// lacks names the scopes that are missing.
func (v validation) lacks() string {
	var list []string
	for _, s := range scopes {
		if !slices.Contains(v.Scopes, s) {
			list = append(list, "the scope "+s)
		}
	}
	return strings.Join(list, " and ")
}

// refusal is the sentence for a token that Twitch does not take.
func (a *auth) refusal() string {
	if from := a.secrets.From(tokenField); from != "" && from != channelauth.FromFile {
		return fmt.Sprintf("Twitch refused the token in %s; put a new one there, or take it out and say: gateway channels login %s", from, a.account)
	}
	return fmt.Sprintf("Twitch refused the token; get another one: gateway channels login %s", a.account)
}

// warning says what is to be done about the token, for the state and for the owners, whose sentence stays the same as
// time goes by; "" if nothing is.
func (a *auth) warning() (say, notice string) {
	renews := a.canRefresh()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.unkept != "":
		return a.unkept, a.unkept
	case a.seen.expires.IsZero() || renews && !a.ending:
		return "", ""
	}
	left := time.Until(a.seen.expires)
	if left > warnBefore {
		return "", ""
	}
	end := "and cannot renew itself: get one that can: gateway channels login " + a.account
	return "The token expires in " + roughly(left) + " " + end, "The token expires within two days " + end
}

func roughly(d time.Duration) string {
	if d < 2*time.Hour {
		return fmt.Sprintf("%d minutes", max(int(d.Minutes()), 0))
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

// watchToken looks at the token every hour, and earlier if it ends earlier. It returns an error if Twitch takes it no
// more, nil if ctx ended.
func (c *channel) watchToken(ctx context.Context) error {
	a := c.auth
	for !a.off() && adapter.Pause(ctx, c.untilCheck()) == nil {
		err := a.look(ctx, c.times.check+renewBefore)
		switch {
		case ctx.Err() != nil:
			continue // the end
		case errors.Is(err, channels.ErrRejected):
			return err
		case err != nil:
			c.log.Warn("twitch: the token was not checked", "account", a.account, "err", err)
		}
		c.tell()
	}
	<-ctx.Done()
	return nil
}

// untilCheck is when the token is to be looked at again.
func (c *channel) untilCheck() time.Duration {
	c.auth.mu.Lock()
	defer c.auth.mu.Unlock()
	if e := c.auth.seen.expires; !e.IsZero() {
		return min(c.times.check, max(time.Until(e)-renewBefore/2, time.Minute))
	}
	return c.times.check
}

// validate asks Twitch about a token. The error wraps ErrRejected if it is no good.
func (a *auth) validate(ctx context.Context, t secret.String) (validation, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/oauth2/validate", http.NoBody)
	if err != nil {
		return validation{}, err
	}
	req.Header.Set("Authorization", "OAuth "+t.Reveal())
	var v validation
	code, _, err := a.do(req, &v)
	switch {
	case err != nil:
		return v, fmt.Errorf("twitch: check the token: %w", err)
	case code == http.StatusUnauthorized:
		return v, &stateError{a.refusal(), channels.ErrRejected}
	case code != http.StatusOK || v.Login == "":
		return v, fmt.Errorf("twitch: check the token: Twitch answered %d", code)
	}
	if v.Seconds > 0 {
		v.expires = time.Now().Add(time.Duration(min(v.Seconds, 1<<30)) * time.Second)
	}
	return v, nil
}

// tokens is what Twitch answers to a renewal or a sign-in.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// renew gets another token in the place of the one that was used, unless somebody else has just done so, in this
// process or another. The error wraps ErrRejected if Twitch refused it.
func (a *auth) renew(ctx context.Context, used secret.String) error {
	return a.secrets.Alone(ctx, func(ctx context.Context) error {
		if !used.Equal(a.token()) {
			return nil
		}
		return a.exchange(ctx, used)
	})
}

// exchange sends the refresh token and stores what comes back; the refresh token may be good once only.
func (a *auth) exchange(ctx context.Context, old secret.String) error {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {a.secrets.Secret(idField).Reveal()}, "refresh_token": {a.secrets.Secret(refreshField).Reveal()}}
	if s := a.secrets.Secret(clientField); !s.Empty() {
		form.Set("client_secret", s.Reveal())
	}
	var got tokens
	code, _, err := a.post(ctx, "/oauth2/token", form, &got)
	switch {
	case err != nil:
		return fmt.Errorf("twitch: renew the token: %w", err)
	case code == http.StatusBadRequest || code == http.StatusUnauthorized || code == http.StatusForbidden:
		return &stateError{fmt.Sprintf("Twitch refused to renew the token; sign in again: gateway channels login %s", a.account), channels.ErrRejected}
	case code != http.StatusOK || got.Access == "":
		return fmt.Errorf("twitch: renew the token: Twitch answered %d", code)
	}
	a.keep(ctx, old, got)
	return nil
}

// keep stores renewed tokens. If that cannot be done they serve until the program ends.
func (a *auth) keep(ctx context.Context, old secret.String, got tokens) {
	values := map[string]secret.String{tokenField: secret.New(got.Access)}
	if got.Refresh != "" {
		values[refreshField] = secret.New(got.Refresh)
	}
	err := a.secrets.Store(ctx, values)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ending = false
	if err == nil {
		a.unkept, a.fresh, a.stale = "", secret.String{}, secret.String{}
		a.log.Info("twitch renewed the token", "account", a.account)
		return
	}
	a.log.Error("twitch renewed the token, but it cannot be stored", "account", a.account, "err", err)
	if a.fresh.Empty() {
		a.stale = old
	}
	a.fresh = values[tokenField]
	a.unkept = fmt.Sprintf("The token was renewed but cannot be stored, and will be lost at the next start: %s", plainReason(err))
}

// post sends a form. The answer is decoded where the code is 200; else its message is given.
func (a *auth) post(ctx context.Context, path string, form url.Values, result any) (code int, message string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.do(req, result)
}

// do carries a request out. Its errors hold nothing of what was sent.
func (a *auth) do(req *http.Request, result any) (code int, message string, err error) {
	req.Header.Set("User-Agent", "gateway")
	req.Header.Set("Accept", "application/json")
	resp, err := a.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, "", err
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, result); err != nil {
			return 0, "", errors.New("the answer is no JSON")
		}
		return resp.StatusCode, "", nil
	}
	var e struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &e) // an answer without one has none
	return resp.StatusCode, strings.ToLower(e.Message), nil
}

func checkToken(s string) error {
	t := bare(secret.New(s)).Reveal()
	if t == "" || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
		return errors.New("a token of Twitch is one word of letters and digits, with or without oauth: before it")
	}
	return nil
}
