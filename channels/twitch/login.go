package twitch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
	"chatgateway/internal/secret"
	"chatgateway/login"
)

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	deviceLife  = 30 * time.Minute
	slower      = 5 * time.Second
)

// refused is a sign-in that came to nothing; its text is a sentence.
type refused string

func (e refused) Error() string       { return "twitch: " + string(e) }
func (e refused) UserMessage() string { return string(e) }

// device is what Twitch answers to the wish to sign in on another device.
type device struct {
	Code     string `json:"device_code"`
	UserCode string `json:"user_code"`
	Page     string `json:"verification_uri"`
	Seconds  int64  `json:"expires_in"`
	Interval int64  `json:"interval"`
}

// signIn signs the bot's own account in with the client id of the owner's application, by a code that is entered on
// any device, and stores what it gets, so that the token renews itself.
func signIn(ctx context.Context, o channels.Options, p login.Prompter) error {
	set, ok := o.Settings.(*Settings)
	if !ok {
		return fmt.Errorf("twitch: settings are %T", o.Settings)
	}
	a, err := newAuth(o, set.APIBase)
	if err != nil {
		return err
	}
	if a.off() {
		return refused("There is no sign-in with api_base: off.")
	}
	id, err := clientID(ctx, o, p)
	if err != nil {
		return err
	}
	d, err := a.device(ctx, id)
	if err != nil {
		return err
	}
	until := time.Now().Add(deviceLife)
	if d.Seconds > 0 {
		until = time.Now().Add(time.Duration(min(d.Seconds, 86400)) * time.Second)
	}
	step := login.Step{Text: "Open the page signed in to Twitch as the **bot's** account, not your own, and enter the code. I notice by myself when you are done.",
		URL: d.Page, Label: "Sign in to Twitch", Code: d.UserCode, Expires: until}
	if _, err := p.Prompt(ctx, step); err != nil {
		return err
	}
	got, err := a.poll(ctx, id, d, until)
	if err == nil {
		err = a.adopt(ctx, set, id, got, p)
	}
	if err != nil {
		over, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = p.Prompt(over, login.Step{Text: "The sign-in to Twitch has ended; the code is of no more use.", Done: true}) // the error says why
	}
	return err
}

// adopt looks at new tokens and stores them.
func (a *auth) adopt(ctx context.Context, set *Settings, id secret.String, got tokens, p login.Prompter) error {
	v, err := a.validate(ctx, secret.New(got.Access))
	if err != nil {
		return err
	}
	if nick := roomName(set.Nick); nick != "" && !strings.EqualFold(nick, v.Login) {
		return refused(fmt.Sprintf("You signed in as %s, but nick says %s; nothing was stored. Sign in as the bot's account, or change nick.", v.Login, nick))
	}
	values := map[string]secret.String{tokenField: secret.New(got.Access), idField: id}
	if got.Refresh != "" {
		values[refreshField] = secret.New(got.Refresh)
	}
	err = a.secrets.Alone(context.WithoutCancel(ctx), func(ctx context.Context) error { return a.secrets.Store(ctx, values) })
	if err != nil {
		return err
	}
	_, _ = p.Prompt(ctx, login.Step{Text: "Signed in to Twitch as " + v.Login + ".", Done: true}) // it is stored, whether it can be said or not
	return nil
}

// clientID is the id of the owner's application, stored or asked for.
func clientID(ctx context.Context, o channels.Options, p login.Prompter) (secret.String, error) {
	if id := o.Secrets.Secret(idField); !id.Empty() {
		return id, nil
	}
	return p.Prompt(ctx, login.Step{
		Text:  "Register an application there (any name, redirect URL http://localhost, client type Public), and send its client id.",
		URL:   portal,
		Field: &login.Field{Name: "Client ID", Check: checkClientID},
	})
}

func checkClientID(s string) error {
	if s = strings.TrimSpace(s); len(s) < 8 || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
		return errors.New("A client id is one word of small letters and digits.") //nolint:staticcheck // a sentence for the person
	}
	return nil
}

// device begins a sign-in.
func (a *auth) device(ctx context.Context, id secret.String) (d device, err error) {
	form := url.Values{"client_id": {strings.TrimSpace(id.Reveal())}, "scopes": {strings.Join(scopes, " ")}}
	code, _, err := a.post(ctx, "/oauth2/device", form, &d)
	switch {
	case err != nil:
		return d, fmt.Errorf("twitch: begin the sign-in: %w", err)
	case code == http.StatusBadRequest || code == http.StatusUnauthorized || code == http.StatusForbidden:
		return d, refused("Twitch does not know the client id, or does not let it sign in by a code; look at " + portal)
	case code != http.StatusOK || d.Code == "" || d.UserCode == "":
		return d, fmt.Errorf("twitch: begin the sign-in: Twitch answered %d", code)
	}
	if u, err := url.Parse(d.Page); err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Host)) {
		return d, errors.New("twitch: begin the sign-in: the page that Twitch names is none")
	}
	return d, nil
}

// poll asks whether the person is done until they are, or the code runs out. It goes on after failures of the network.
func (a *auth) poll(ctx context.Context, id secret.String, d device, until time.Time) (got tokens, err error) {
	every := time.Duration(min(max(d.Interval, 1), 60)) * time.Second
	form := url.Values{"client_id": {strings.TrimSpace(id.Reveal())}, "scopes": {strings.Join(scopes, " ")}, "device_code": {d.Code}, "grant_type": {deviceGrant}}
	for {
		if err := adapter.Pause(ctx, every); err != nil {
			return got, err
		}
		if time.Now().After(until) {
			return got, login.ErrExpired
		}
		code, message, err := a.post(ctx, "/oauth2/token", form, &got)
		switch {
		case ctx.Err() != nil:
			return got, ctx.Err()
		case err != nil || code >= 500 || code == http.StatusTooManyRequests:
			continue
		case code == http.StatusOK && got.Access != "":
			return got, nil
		case strings.Contains(message, "authorization_pending"):
		case strings.Contains(message, "slow_down"):
			every += slower
		case strings.Contains(message, "denied"):
			return got, login.ErrCanceled
		case strings.Contains(message, "expired"), strings.Contains(message, "invalid device code"):
			return got, login.ErrExpired
		default:
			return got, refused(fmt.Sprintf("Twitch ended the sign-in (%d); begin it again.", code))
		}
	}
}
