package e2e

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatgateway/channels/telegram/telegramtest"
	"chatgateway/internal/testpeers"
	"chatgateway/test/program"
)

// TestSignInEnds: what a chat and the shell say where the person declines, or lets a code run out; nothing is stored,
// and the next try works.
func TestSignInEnds(t *testing.T) {
	tg, c, ann := newCompanyChat(t)
	private := tg.s.Private(tg.bot, ann)
	const declined = "The sign-in was declined on the page of Company AI"

	// Declined, by a code and by a link whose end is pasted.
	c.issuer.Set(testpeers.IssuerSettings{Deny: true})
	tg.say(ann, private, "/login company device")
	c.issuer.Enter(deviceStep(tg.want(private, "enter the code").Text))
	tg.count(private, declined, 1)
	tg.say(ann, private, "/login company browser")
	step := tg.want(private, "send its whole address here")
	tg.say(ann, private, mustOpen(c, link.FindString(step.Text)))
	tg.count(private, declined, 2)

	// The same in a shell.
	for method, decline := range map[string]func(out *program.Output, in io.Writer){
		"device": func(out *program.Output, _ io.Writer) {
			code := out.Find(t, 0, regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`))
			c.issuer.Enter(out.Find(t, 0, regexp.MustCompile(`http://127\.0\.0\.1:\d+/device\S*`)), code)
		},
		"browser": func(out *program.Output, in io.Writer) {
			_, _ = io.WriteString(in, mustOpen(c, out.Find(t, 0, link))+"\n") // where it does not arrive, the login does not end as it should
		},
	} {
		if out, code := c.shell(decline, "login", "company", "--method", method); code != 1 || !strings.Contains(out, declined+". Begin again with") {
			t.Errorf("the shell, declined by %s: %d %s", method, code, out)
		}
	}

	// A code that nobody enters.
	c.issuer.Set(testpeers.IssuerSettings{DeviceTTL: 2})
	tg.say(ann, private, "/login company device")
	tg.count(private, "The code for Company AI has run out", 1)
	if out, code := c.Run("", "login", "company", "--method", "device"); code != 1 || !strings.Contains(out, "has run out") {
		t.Errorf("the shell, a code that nobody enters: %d %s", code, out)
	}
	if out, code := c.Run("", "auth", "status", "company"); code != 0 || !strings.Contains(out, "missing") {
		t.Errorf("what is stored: %d %s", code, out)
	}

	c.issuer.Set(testpeers.IssuerSettings{})
	tg.say(ann, private, "/login company browser")
	deadline := time.Now().Add(20 * time.Second)
	for next := step; next.Text == step.Text; next = tg.want(private, "send its whole address here") {
		if time.Now().After(deadline) {
			t.Fatal("no new link")
		}
	}
	tg.say(ann, private, mustOpen(c, link.FindString(tg.want(private, "send its whole address here").Text)))
	tg.want(private, "Logged in to Company AI")
}

// shell carries out a command line that somebody answers.
func (c *company) shell(answer func(*program.Output, io.Writer), args ...string) (string, int) {
	c.T.Helper()
	cmd, out := c.Command(c.T.Context(), args...), program.NewOutput()
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		c.T.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.T.Fatal(err)
	}
	answer(out, in)
	_ = cmd.Wait() // the code says how it ended
	return out.String(), cmd.ProcessState.ExitCode()
}

// deviceStep gives the page and the code of a step.
func deviceStep(text string) (page, code string) {
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+/device\S*`).FindString(text), regexp.MustCompile(`\b[A-Z]{4}-[A-Z]{4}\b`).FindString(text)
}

// count waits until a text was shown so many times.
func (tg *telegram) count(c *telegramtest.Chat, text string, n int) {
	tg.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		all := ""
		for _, m := range tg.s.Shown(c) {
			all += m.Text + "\n"
		}
		if strings.Count(all, text) >= n {
			return
		}
		if time.Now().After(deadline) {
			tg.t.Fatalf("%q was not shown %d times:\n%s", text, n, all)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
