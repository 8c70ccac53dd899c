package e2e

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/email/emailtest"
	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// TestEmailSignIn: the bot's own sign-in, by a link and by a code, at an authorization server that is not ours, beside the
// running gateway, which takes it up and gets in to Dovecot and Postfix with it.
func TestEmailSignIn(t *testing.T) {
	issuer := testpeers.StartIssuer(t)
	m := &post{t: t, r: emailtest.Start(t, strings.Replace(issuer.URL, "//", "//company:"+testpeers.CompanySecret+"@", 1)+"/token/introspection")}
	oauth := fmt.Sprintf("owners: [%s], oauth_link_url: %q, oauth_device_url: %q, oauth_token_url: %q, oauth_redirect_url: \"http://localhost/callback\", oauth_scopes: [openid, offline_access]",
		ownerMail, issuer.URL+"/auth", issuer.URL+"/device/auth", issuer.URL+"/token")
	p := newGateway(t, "model: anthropic/claude-test-1\nchannels:\n  email: "+m.settings(oauth), append(models(1), testpeers.Says("hello", "Hello by mail."))...)
	p.set("anthropic key", "sk-ant-api03-FAKE-signin-canary-000111222333", "auth", "set", "anthropic")
	bot := "ann@gateway.example" // as whom the person of the authorization server signs in
	for i, way := range []string{"link", "code"} {
		cmd := p.Command(t.Context(), "channels", "login", "email")
		out := program.NewOutput()
		cmd.Stdout, cmd.Stderr = out, out
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			out.Find(t, 0, regexp.MustCompile("mail address to sign in"))
			answer(t, in, bot)
			out.Find(t, 0, regexp.MustCompile("client id"))
			answer(t, in, "gateway")
		}
		out.Find(t, 0, regexp.MustCompile("How do you want to sign in"))
		if way == "link" {
			answer(t, in, "2")
			address, _ := issuer.Open(out.Find(t, 0, link), false)
			answer(t, in, strings.Replace(address, "state=", "state=x", 1))
			out.Find(t, 0, regexp.MustCompile("the answer to another sign-in"))
			answer(t, in, address)
		} else {
			answer(t, in, "1")
			code := out.Find(t, 0, regexp.MustCompile(`code: \S+`))
			issuer.Enter(issuer.URL+"/device", strings.TrimPrefix(code, "code: "))
		}
		if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "Logged in: email") {
			t.Fatalf("channels login by a %s: %v\n%s", way, err, out)
		}
		p.connected("email")
		m.want(ownerMail, m.write(ownerMail, bot, "hello", "hello there", nil), "Hello by mail.")
	}
	if out, code := p.Run("", "channels", "test", "email"); code != 0 || !strings.Contains(out, "Mail is sent as "+bot) {
		t.Errorf("channels test gave %d:\n%s", code, out)
	}
	if s := issuer.Stats(); s.Refreshes > 0 || len(s.Errors) > 0 {
		t.Errorf("tokens that are good were renewed %d times; refused: %v", s.Refreshes, s.Errors)
	}
	// The token ends: it is renewed once, by the gateway that runs, which goes on as it is.
	if out, code := p.Run("FAKE-ended-token", "channels", "set", "email", "access_token"); code != 0 {
		t.Fatal(out)
	}
	for deadline := time.Now().Add(20 * time.Second); issuer.Stats().Refreshes == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the token was never renewed")
		}
	}
	for i := range 3 {
		m.want(ownerMail, m.write(ownerMail, bot, "hello", fmt.Sprint("hello again ", i), nil), "Hello by mail.")
	}
	if s := issuer.Stats(); s.Refreshes != 1 || s.RevokedGrants > 0 {
		t.Errorf("a token that ended was renewed %d times, and %d sign-ins were spoiled; want once", s.Refreshes, s.RevokedGrants)
	}
}

func answer(t *testing.T, in io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(in, text+"\n"); err != nil {
		t.Fatal(err)
	}
}
