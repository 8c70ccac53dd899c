package providerauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"chatgateway/login"
)

const (
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	deviceInterval = 5 * time.Second  // where the server gives none (RFC 8628)
	deviceLife     = 15 * time.Minute // the same
	deviceSlower   = 5 * time.Second  // added at every slow_down
)

// DeviceMethod signs in with a code that is entered on any device (RFC 8628). The code and the page are shown at once;
// it asks for nothing, and ends with the sign-in, its refusal, the code's end, or ctx.
func DeviceMethod(id, name string, c Client) Method {
	return Method{ID: id, Name: name, Browser: true, Login: func(ctx context.Context, p login.Prompter) (Credential, error) {
		d, err := c.device(ctx)
		if err != nil {
			return Credential{}, err
		}
		if _, err := p.Prompt(ctx, DeviceStep(c.Name, d.page, d.code, d.until)); err != nil {
			return Credential{}, err
		}
		cred, err := c.poll(ctx, d)
		DeviceDone(ctx, p, c.Name, err)
		return cred, err
	}}
}

// DeviceStep shows the page and the code of a sign-in on another device.
func DeviceStep(name, page, code string, until time.Time) login.Step {
	return login.Step{
		Text: fmt.Sprintf("Open the page on any device, sign in to %s and enter the code. I notice by myself when you are done; the code is good for %d minutes.",
			name, max(1, int(time.Until(until).Round(time.Minute)/time.Minute))),
		URL: page, Label: "Sign in to " + name, Code: code, Expires: until,
	}
}

// DeviceDone takes the code back, also where ctx has ended: it stands there for everybody to see.
func DeviceDone(ctx context.Context, p login.Prompter, name string, err error) {
	text := "The sign-in to " + name + " is through."
	switch {
	case errors.Is(err, login.ErrExpired):
		text = "The code for " + name + " has run out."
	case err != nil:
		text = "The sign-in to " + name + " has ended; the code is of no more use."
	}
	done(ctx, p, text)
}

type device struct {
	page, code string
	secret     string // the device code
	verifier   string
	interval   time.Duration
	until      time.Time
}

func (c Client) device(ctx context.Context) (device, error) {
	form := url.Values{}
	if len(c.Scopes) > 0 {
		form.Set("scope", strings.Join(c.Scopes, " "))
	}
	d := device{}
	if c.DevicePKCE {
		d.verifier = oauth2.GenerateVerifier()
		form.Set("code_challenge", oauth2.S256ChallengeFromVerifier(d.verifier))
		form.Set("code_challenge_method", "S256")
	}
	start := time.Now()
	answer, _, err := c.post(ctx, doSignIn, c.DeviceURL, form)
	if err != nil {
		return device{}, err
	}
	d.code, d.secret = text(answer, "user_code"), text(answer, "device_code")
	for _, k := range []string{"verification_uri_complete", "verification_uri", "verification_url"} {
		if d.page == "" && CheckEndpoint(text(answer, k)) == nil {
			d.page = text(answer, k)
		}
	}
	if d.code == "" || d.secret == "" || d.page == "" {
		return device{}, &OAuthError{Name: c.Name, Doing: doSignIn, Status: http.StatusOK, Cut: true}
	}
	d.interval = Interval(answer)
	life := seconds(text(answer, "expires_in"))
	if life == 0 {
		life = deviceLife
	}
	d.until = start.Add(life)
	return d, nil
}

// Interval is how long to wait between two questions, as a device authorization answered it: a number or its text.
func Interval(answer map[string]any) time.Duration {
	if d := seconds(text(answer, "interval")); d > 0 {
		return d
	}
	return deviceInterval
}

// final is an error that ends Poll, whatever it is.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// Final makes an error one that ends Poll: of an exchange that must not be repeated. nil stays nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return final{err}
}

// poll asks until the person is done. A network failure is no end: it asks again.
func (c Client) poll(ctx context.Context, d device) (Credential, error) {
	form := url.Values{"grant_type": {deviceGrant}, "device_code": {d.secret}}
	if d.verifier != "" {
		form.Set("code_verifier", d.verifier)
	}
	return Poll(ctx, d.interval, d.until, func(ctx context.Context) (Credential, error) {
		return c.token(ctx, doSignIn, form)
	})
}

// Poll calls ask every interval, and a fifth of it more, because clocks in virtual machines run unevenly, until it gives
// a credential, the provider refuses, the time is over (login.ErrExpired), or ctx ends. "Pending", "slow down", a
// network failure and a failing server let it go on.
func Poll(ctx context.Context, interval time.Duration, until time.Time, ask func(context.Context) (Credential, error)) (Credential, error) {
	end := time.NewTimer(time.Until(until))
	defer end.Stop()
	for {
		pause := time.NewTimer(interval + interval/5)
		select {
		case <-pause.C:
		case <-end.C:
			pause.Stop()
			return Credential{}, fmt.Errorf("the code was not entered in time: %w", login.ErrExpired)
		case <-ctx.Done():
			pause.Stop()
			return Credential{}, ctx.Err()
		}
		c, err := ask(ctx)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return Credential{}, ctx.Err()
		}
		if f, ok := errors.AsType[final](err); ok {
			return Credential{}, f.error
		}
		e, ok := errors.AsType[*OAuthError](err)
		switch {
		case !ok:
			return Credential{}, err
		case e.Code == "slow_down":
			interval = max(interval+deviceSlower, e.RetryAfter)
		case e.Code == "authorization_pending":
		case e.Code == "expired_token":
			return Credential{}, fmt.Errorf("%w: %w", login.ErrExpired, err)
		case e.Status == http.StatusTooManyRequests:
			interval = max(interval+deviceSlower, e.RetryAfter)
		case e.Status == 0 || e.Status/100 == 5 || e.Cut && e.Status/100 != 2:
			// it may be back at the next try
		default:
			return Credential{}, err
		}
	}
}
