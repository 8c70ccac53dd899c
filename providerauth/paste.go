package providerauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/oauth2"

	"chatgateway/login"
	"chatgateway/login/loopback"
)

// PasteMethod signs in with a link and a code that is pasted back (PKCE S256, a random state of its own). It takes a
// bare code, code#state, a query, or the whole address of the page; an answer to another sign-in, or one that is no
// code, is asked again. The code is exchanged once.
func PasteMethod(id, name string, c Client) Method {
	return Method{ID: id, Name: name, Browser: true, Login: func(ctx context.Context, p login.Prompter) (Credential, error) {
		a := c.authorize(c.RedirectURL)
		answer, err := p.Prompt(ctx, a.step("Open the page, sign in to "+c.Name+" and allow the access. Then send the code that it shows, or the whole address of the page you end on."))
		if err != nil {
			return Credential{}, a.unanswered(ctx, p, err)
		}
		return a.finish(ctx, p, answer.Reveal())
	}}
}

// LoopbackMethod signs in with a link whose answer comes back to a listener on this host, or is pasted as for
// PasteMethod, whichever is first; see [loopback.Listener].
func LoopbackMethod(id, name string, c Client) Method {
	return Method{ID: id, Name: name, Browser: true, Login: func(ctx context.Context, p login.Prompter) (Credential, error) {
		l := loopback.Listen(ctx, c.RedirectURL, c.Ports...)
		a := c.authorize(l.Redirect)
		text := "Open the page, sign in to " + c.Name + " and allow the access. If the page you end on cannot be opened, because you are on another device, send its whole address here."
		answer, err := l.Race(ctx, p, a.step(text), a.state, func(word string) string { return a.refused(word).UserMessage() })
		if err != nil {
			return Credential{}, a.unanswered(ctx, p, err)
		}
		return a.finish(ctx, p, answer)
	}}
}

// authorization is one sign-in with a link: its state and its verifier never leave the process but in the requests
// they belong to.
type authorization struct {
	client   Client
	redirect string
	state    string
	verifier string
	url      string
	until    time.Time
}

func (c Client) authorize(redirect string) authorization {
	a := authorization{
		client: c, redirect: redirect, state: rand.Text(), verifier: oauth2.GenerateVerifier(), until: time.Now().Add(keyWait),
	}
	if c.Link != nil {
		a.url = c.Link(redirect, a.state, oauth2.S256ChallengeFromVerifier(a.verifier))
		return a
	}
	conf := oauth2.Config{
		ClientID: c.ID, RedirectURL: redirect, Scopes: c.Scopes, Endpoint: oauth2.Endpoint{AuthURL: c.AuthorizeURL},
	}
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.verifier)}
	for k := range c.Params {
		opts = append(opts, oauth2.SetAuthURLParam(k, c.Params.Get(k)))
	}
	a.url = conf.AuthCodeURL(a.state, opts...)
	return a
}

// step shows the link and asks for the answer. The answer is no secret: without the verifier the code is worth nothing.
func (a authorization) step(text string) login.Step {
	return login.Step{
		Text: text + waits(keyWait), URL: a.url, Label: "Sign in to " + a.client.Name, Expires: a.until,
		Field: &login.Field{Name: "Code", Check: func(s string) error {
			_, err := a.code(s)
			if _, refused := errors.AsType[*OAuthError](err); refused {
				return nil // that is an answer too
			}
			return err
		}},
	}
}

// finish exchanges an answer, and takes the link back.
func (a authorization) finish(ctx context.Context, p login.Prompter, answer string) (Credential, error) {
	code, err := a.code(answer)
	if err == nil {
		var c Credential
		if c, err = a.exchange(ctx, code); err == nil {
			done(ctx, p, "The sign-in to "+a.client.Name+" is through.")
			return c, nil
		}
	}
	done(ctx, p, "The sign-in to "+a.client.Name+" did not work.") // the error says more
	return Credential{}, err
}

// unanswered takes the link back where no answer came, and gives err.
func (a authorization) unanswered(ctx context.Context, p login.Prompter, err error) error {
	if errors.Is(err, login.ErrCanceled) || errors.Is(err, login.ErrExpired) || ctx.Err() != nil { // else it was not shown
		done(ctx, p, "The sign-in to "+a.client.Name+" has ended; the link is of no more use.")
	}
	return err
}

// done takes back what a sign-in showed, also where ctx has ended: it is of no more use. That it could not be shown is
// no reason to throw a token away.
func done(ctx context.Context, p login.Prompter, text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = p.Prompt(ctx, login.Step{Text: text, Done: true}) // the result of the login says it too
}

// exchange turns the code into a credential, once.
func (a authorization) exchange(ctx context.Context, code string) (Credential, error) {
	if a.client.Exchange != nil {
		return a.client.Exchange(ctx, a.client, code, a.verifier)
	}
	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {a.redirect},
		"code_verifier": {a.verifier},
	}
	if a.client.JSON {
		form.Set("state", a.state) // Anthropic's endpoint wants it
	}
	return a.client.token(ctx, doSignIn, form)
}

// code takes the code out of what was pasted, after its state was compared.
func (a authorization) code(s string) (string, error) {
	code, state, fault := parsePasted(s)
	if state != "" && subtle.ConstantTimeCompare([]byte(state), []byte(a.state)) != 1 {
		return "", Problem("That is the answer to another sign-in. Use the link of this one, and send what it leads to.")
	}
	if fault != "" {
		return "", a.refused(fault)
	}
	if code == "" {
		return "", Problem("There is no code in this. Send the code that the page shows, or the whole address of the page.")
	}
	return code, nil
}

// parsePasted reads a bare code, code#state, a query string, or a whole address. fault is its "error".
func parsePasted(s string) (code, state, fault string) {
	if s = strings.TrimSpace(s); strings.Contains(s, " ") && !strings.Contains(s, "://") {
		return "", "", "" // a sentence
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' || r == '\ufeff' {
			return -1 // chats break long lines
		}
		return r
	}, s)
	s = strings.Trim(s, "<>\"'`")
	if s == "" || len(s) > 8192 {
		return "", "", ""
	}
	if _, rest, ok := strings.Cut(s, "://"); ok {
		i := strings.IndexAny(rest, "?#")
		if i < 0 {
			return "", "", "" // an address, and no answer in it
		}
		s = rest[i+1:]
	}
	s = strings.TrimPrefix(s, "?")
	if strings.HasPrefix(s, "code=") || strings.HasPrefix(s, "state=") || strings.Contains(s, "&") || strings.HasPrefix(s, "error=") {
		q, err := url.ParseQuery(strings.ReplaceAll(s, "#", "&"))
		if err != nil {
			return "", "", ""
		}
		if code = q.Get("code"); strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }) {
			code = "" // RFC 6749, A.11: visible signs; a space would be allowed, but nobody sends one
		}
		return code, q.Get("state"), q.Get("error")
	}
	code, state, _ = strings.Cut(s, "#")
	if len(code) < 4 || !isCode(code) {
		return "", "", ""
	}
	return code, state, ""
}

// isCode reports whether s is made of the signs that servers make codes of; RFC 6749 would allow more.
func isCode(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/=:", r))
	}) < 0
}

// refused is the error that the service sent in place of a code.
func (a authorization) refused(code string) *OAuthError {
	return &OAuthError{Name: a.client.Name, Doing: doSignIn, Status: http.StatusBadRequest, Code: known(code)}
}
