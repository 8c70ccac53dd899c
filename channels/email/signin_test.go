package email

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/secret"
	"chatgateway/internal/testpeers"
	"chatgateway/login"
)

// signer is a person who signs in at an authorization server that is not ours.
type signer struct {
	issuer *testpeers.Issuer
	way    string
	spoil  func(address string) string // what the person sends in place of the address
	wrong  error                       // what was said of that
}

// Prompt implements login.Prompter.
func (s *signer) Prompt(ctx context.Context, step login.Step) (secret.String, error) {
	switch {
	case step.Field == nil:
		s.issuer.Enter(step.URL, step.Code)
		return secret.String{}, nil
	case step.Field.Name == "way":
		return secret.New(strings.TrimPrefix(s.way, "browser, by a ")), nil
	case step.Field.Name == "username":
		return secret.New("ann@gateway.example"), nil
	case step.Field.Name == "client_id":
		return secret.New("gateway"), nil
	}
	if s.way != "link" { // nothing is typed: the browser comes back to this host
		address, page := s.issuer.Open(step.URL, true)
		if !strings.HasPrefix(address, "http://localhost:") || page == "" {
			s.wrong = fmt.Errorf("the browser ends on %s: %s", address, page)
		}
		<-ctx.Done()
		return secret.String{}, ctx.Err()
	}
	address, _ := s.issuer.Open(step.URL, false)
	if s.spoil != nil {
		if s.wrong = step.Field.Check(s.spoil(address)); s.wrong != nil {
			return secret.String{}, login.ErrCanceled
		}
	}
	return secret.New(address), step.Field.Check(address)
}

// TestSignIn: by a code and by a link, at an authorization server that is not ours; with its tokens Dovecot and Postfix
// let the bot in, and let it in when they were renewed.
func TestSignIn(t *testing.T) {
	t.Parallel()
	issuer := testpeers.StartIssuer(t)
	r := emailtest.Start(t, strings.Replace(issuer.URL, "//", "//company:"+testpeers.CompanySecret+"@", 1)+"/token/introspection")
	set := realSettings(r, "tls")
	set.OAuthLinkURL, set.OAuthDeviceURL, set.OAuthTokenURL = issuer.URL+"/auth", issuer.URL+"/device/auth", issuer.URL+"/token"
	set.OAuthRedirectURL, set.OAuthScopes = "http://localhost/callback", []string{"openid", "offline_access"}
	sign := func(s *signer, have map[string]string) (*channeltest.Secrets, error) {
		store := channeltest.NewSecrets(have)
		return store, Service.Login(t.Context(), channels.Options{Account: "email", Settings: set, Secrets: store}, s)
	}
	for _, way := range []string{"code", "link", "browser, by a link"} {
		t.Run(way, func(t *testing.T) {
			person := &signer{issuer: issuer, way: way}
			store, err := sign(person, map[string]string{nextRefresh: "FAKE-refresh-of-before", nextAccess: "FAKE-access-of-before", nextOf: "FAKE"})
			for _, f := range []string{nextRefresh, nextAccess, nextOf} {
				if !store.Secret(f).Empty() {
					t.Errorf("%s of the sign-in before is left", f)
				}
			}
			if err != nil || person.wrong != nil || store.Secret("refresh_token").Empty() || store.Secret("client_id").Reveal() != "gateway" {
				t.Fatalf("Login gave %v, %v, and %q", err, person.wrong, store.Secret("client_id").Reveal())
			}
			x := newRig(t, emailtest.Options{}, nil)
			x.set = set
			for _, round := range []string{"at once", "renewed"} {
				first := store.Secret("refresh_token").Reveal()
				if round == "renewed" {
					_ = store.Store(t.Context(), map[string]secret.String{"access_token": secret.New("FAKE-ended-token")})
				}
				x.open(store)
				x.run()
				r.Deliver(t, ann, "ann@gateway.example", []byte("From: "+ann+"\r\nMessage-ID: <"+way[:4]+strings.Fields(round)[0]+"@people.example>\r\nSubject: Re: x\r\n\r\n"+way+" "+round+"\r\n"))
				m := x.hear(way + " " + round)
				if _, err := x.ch.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Text: "an answer " + round}); err != nil {
					t.Errorf("Send: %v", err)
				}
				if got := store.Secret("refresh_token").Reveal(); (got != first) != (round == "renewed") || got == "" {
					t.Errorf("%s: the refresh token changed: %v", round, got != first)
				}
				x.Stop()
			}
			if n := len(issuer.Stats().Errors); way != "code" && n > 0 {
				t.Errorf("the authorization server refused: %v", issuer.Stats().Errors)
			}
		})
	}
	t.Run("another mailbox", func(t *testing.T) {
		store, err := sign(&signer{issuer: issuer, way: "link"}, map[string]string{"username": "bob@gateway.example"})
		if err == nil || !strings.Contains(sentence(err), "does not let bob@gateway.example in") || !store.Secret("access_token").Empty() {
			t.Errorf("Login gave %v; want a refusal, and nothing stored", err)
		}
	})
	t.Run("declined", func(t *testing.T) {
		issuer.Set(testpeers.IssuerSettings{Deny: true})
		defer issuer.Set(testpeers.IssuerSettings{})
		if _, err := sign(&signer{issuer: issuer, way: "link"}, nil); err == nil || !strings.Contains(sentence(err), "access_denied") {
			t.Errorf("Login gave %v", err)
		}
	})
	codes := issuer.Stats().Codes
	for name, spoil := range map[string]func(string) string{
		"another state": func(s string) string { return regexp.MustCompile(`state=[^&]*`).ReplaceAllString(s, "state=other") },
		"no state":      func(s string) string { return regexp.MustCompile(`state=[^&]*`).ReplaceAllString(s, "") },
		"no code":       func(string) string { return "http://localhost/callback" },
		"a word":        func(string) string { return "done" },
	} {
		s := &signer{issuer: issuer, way: "link", spoil: spoil}
		if _, err := sign(s, nil); err == nil || s.wrong == nil || issuer.Stats().Codes != codes {
			t.Errorf("%s: Login gave %v, the answer %v", name, err, s.wrong)
		}
	}
}

func sentence(err error) string {
	if m, ok := err.(interface{ UserMessage() string }); ok { //nolint:errorlint // as it is made
		return m.UserMessage()
	}
	return ""
}
