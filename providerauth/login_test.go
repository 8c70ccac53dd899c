package providerauth

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgateway/internal/secret"
	"chatgateway/internal/status"
	"chatgateway/login"
)

const goodKey = "FAKE-key-0123456789abcdef"

func TestLoginWithAKey(t *testing.T) {
	w := newWorld(t)
	w.acme.finding = Finding{Works: true, Sure: true, Models: []string{"one"}, Owner: "ann", Extra: map[string]string{"site": "eu"}}
	p := say("too short", "your-api-key-goes-here-00000", "two words of a key that is long enough", "  `"+goodKey+"`\n")
	out, err := w.m.Login(t.Context(), "WILE", "KEY", p)
	if err != nil {
		t.Fatal(err)
	}
	if !out.Finding.Works || out.Replaced || out.Credential.ID != "acme" || out.Credential.Owner != "ann" {
		t.Errorf("got %+v", out)
	}
	if c := w.want(Want{}, goodKey, FromStore); c.Extra["site"] != "eu" {
		t.Errorf("what the probe found out is not kept: %v", c.Extra)
	}
	if len(p.refused) != 3 {
		t.Errorf("refused: %q", p.refused)
	}
	step := p.steps[0]
	if !strings.Contains(step.Text, "https://acme.example/keys") || !strings.Contains(step.Text, "10 minutes") || !step.Field.Secret || step.Expires.IsZero() {
		t.Errorf("the prompt is %+v", step)
	}
	if strings.Contains(p.text()+w.log.String(), "FAKE") {
		t.Error("the key was shown or logged")
	}
	if out, err = w.m.Login(t.Context(), "acme", "key", say(goodKey+"-2")); err != nil || !out.Replaced {
		t.Errorf("the second time: %+v, %v", out, err)
	}
}

func TestARefusedKeyIsStoredOnlyIfThePersonSaysSo(t *testing.T) {
	w := newWorld(t)
	w.acme.finding = Finding{Sure: true, Note: "Its account is closed."}
	p := say(goodKey, "maybe", "no")
	if _, err := w.m.Login(t.Context(), "acme", "key", p); !errors.Is(err, login.ErrCanceled) {
		t.Errorf("got %v", err)
	}
	w.wantErr(Want{}, ErrNone)
	if !strings.Contains(p.text(), "Its account is closed.") {
		t.Errorf("the reason is not told: %s", p.text())
	}
	if out, err := w.m.Login(t.Context(), "acme", "key", say(goodKey, "yes")); err != nil || out.Finding.Works {
		t.Errorf("got %+v, %v", out, err)
	}
	w.want(Want{}, goodKey, FromStore)
}

func TestAnotherKeyInThePlaceOfARefusedOne(t *testing.T) {
	w := newWorld(t)
	w.acme.finding = Finding{Sure: true}
	p := say("FAKE-key-that-is-mistyped", "again", goodKey)
	asked := 0
	p.shown = func(s login.Step) {
		if s.Field.Secret {
			asked++
		}
		w.acme.finding.Works = asked > 1
	}
	if out, err := w.m.Login(t.Context(), "acme", "key", p); err != nil || !out.Finding.Works || asked != 2 {
		t.Errorf("got %+v, %v, asked %d times", out, err, asked)
	}
	w.want(Want{}, goodKey, FromStore)
}

// What is no answer to a question is no: a front end may leave the check out.
func TestOnlyYesIsYes(t *testing.T) {
	for _, answer := range []string{"", "sure", "no", "again"} {
		_, err := pick(t.Context(), unchecked(answer), "Replace it?", FieldReplace, login.Choice{Value: "yes"}, login.Choice{Value: "no"})
		if !errors.Is(err, login.ErrCanceled) {
			t.Errorf("%q gave %v", answer, err)
		}
	}
	if got, err := pick(t.Context(), unchecked(" YES "), "Replace it?", FieldReplace, login.Choice{Value: "yes"}, login.Choice{Value: "no"}); got != "yes" || err != nil {
		t.Errorf("yes gave %q, %v", got, err)
	}
}

// unchecked answers whatever is asked.
type unchecked string

func (u unchecked) Prompt(context.Context, login.Step) (secret.String, error) {
	return secret.New(string(u)), nil
}

func TestAKeyThatCannotBeCheckedIsStored(t *testing.T) {
	w := newWorld(t)
	w.acme.probeErr = errors.New("no network")
	out, err := w.m.Login(t.Context(), "acme", "key", say(goodKey))
	if err != nil || out.Finding.Sure || out.Finding.Note == "" {
		t.Errorf("got %+v, %v", out, err)
	}
	w.want(Want{}, goodKey, FromStore)
}

func TestTheWayToLogInIsChosen(t *testing.T) {
	w := newWorld(t)
	p := say("nothing", "sign in")
	if _, err := w.m.Login(t.Context(), "acme", "", p); err != nil {
		t.Fatal(err)
	}
	w.want(Want{}, "FAKE-access-1", FromStore)
	step := p.steps[0]
	want := []login.Choice{{Label: "API key", Value: "key"}, {Label: "Sign in", Value: "browser"}}
	if !slices.Equal(step.Choices, want) || !strings.Contains(step.Text, "Restricted: It is off until") {
		t.Errorf("got %+v", step)
	}
	sc := Scheme{Name: "Qwen", Methods: []Method{KeyMethod("Qwen", "", nil), {ID: "device", Name: "Sign in", Off: "It ended in April."}}}
	way, err := choose(t.Context(), &sc, "", say())
	if err != nil {
		t.Fatal(err)
	}
	p = say(goodKey)
	if _, err := way.Login(t.Context(), p); err != nil || !strings.HasPrefix(p.steps[0].Text, "Not possible at present: Sign in: It ended in April.\n\nSend your Qwen") {
		t.Errorf("the only way that is on: %v, %+v", err, p.steps)
	}
	for method, want := range map[string]string{"secretly": "off until", "nonsense": "key, browser"} {
		if _, err := w.m.Login(t.Context(), "acme", method, say()); err == nil || !strings.Contains(userMessage(err), want) {
			t.Errorf("%s: %v", method, err)
		}
	}
	for id, want := range map[ID]string{"nobody": "nobody", "acme:env": "environment", "acme:a b": "letters", "local": "needs no login"} {
		if _, err := w.m.Login(t.Context(), id, "", say()); err == nil || !strings.Contains(userMessage(err), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestAnotherKindIsAskedAbout(t *testing.T) {
	w := newWorld(t, token(1, time.Hour))
	if _, err := w.m.Login(t.Context(), "acme", "key", say("no")); !errors.Is(err, login.ErrCanceled) {
		t.Errorf("got %v", err)
	}
	w.want(Want{}, "FAKE-access-1", FromStore)
	if _, err := w.m.Login(t.Context(), "acme:work", "key", say(goodKey)); err != nil {
		t.Errorf("another account: %v", err)
	}
	if _, err := w.m.Login(t.Context(), "acme", "key", say("yes", goodKey)); err != nil {
		t.Error(err)
	}
	w.want(Want{Account: "default"}, goodKey, FromStore)
}

func TestLoginGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if _, err := w.m.Login(t.Context(), "acme", "key", say("/cancel")); !errors.Is(err, login.ErrCanceled) {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		if _, err := w.m.Login(t.Context(), "acme", "key", say()); !errors.Is(err, login.ErrExpired) || time.Since(start) != keyWait {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.m.Login(ctx, "acme", "key", say()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		w.wantErr(Want{}, ErrNone)
	})
}

func TestCheckEndsACoolDown(t *testing.T) {
	w := newWorld(t, token(1, -time.Hour))
	w.acme.finding = Finding{Works: true, Sure: true}
	c := w.want(Want{}, "FAKE-access-2", FromStore)
	w.m.Report(c, RateLimited, time.Hour)
	w.wantErr(Want{}, ErrCooling)
	if f, err := w.m.Check(t.Context(), "acme"); err != nil || !f.Works {
		t.Errorf("got %+v, %v", f, err)
	}
	w.want(Want{}, "FAKE-access-2", FromStore)
	w.acme.finding = Finding{Sure: true}
	if f, err := w.m.Check(t.Context(), "acme"); err != nil || f.Works {
		t.Errorf("got %+v, %v", f, err)
	}
	w.exchanges(2) // refused, renewed, and tried again
	if want := "FAKE-access-3"; w.acme.probed[len(w.acme.probed)-1] != want {
		t.Errorf("tried %v, want %s last", w.acme.probed, want)
	}
	if _, err := w.m.Check(t.Context(), "other"); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	if f, err := w.m.Check(t.Context(), "local"); err != nil || f.Sure {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		stale := token(1, -time.Minute)
		stale.ID, stale.Owner = "acme:stale", "ann@example.org"
		ended := token(2, -time.Minute)
		ended.ID = "acme:ended"
		w := newWorld(t, apiKey("acme", "env:MINE"), stale, ended, apiKey("acme:cool", "k"), apiKey("acme:off", "k"), apiKey("ghost", "k"),
			Credential{ID: "acme:soon", Type: Token, Key: apiKey("", "t").Key, Expires: now.Add(time.Hour)},
			Credential{ID: "acme:over", Type: Token, Key: apiKey("", "t").Key, Expires: now.Add(-time.Hour)})
		w.env["ACME_KEY"], w.env["MINE"] = "FAKE-env", "FAKE-mine"
		w.env["OTHER_API_KEY"] = "FAKE-other"
		w.m.Override("acme:run", apiKey("", "k").Key, "/run/key")
		w.m.Report(Credential{ID: "acme:cool"}, NoCredit, 0)
		if err := w.m.Enable(t.Context(), "acme:off", false); err != nil {
			t.Fatal(err)
		}
		w.answer(dead)
		w.wantErr(Want{Account: "ended"}, ErrNeedsLogin)
		w.answer(down)
		w.wantErr(Want{Account: "stale"}, ErrRenewal)
		rows, err := w.m.Status(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]status.Provider{}
		for _, r := range rows {
			if r.LastError != "" {
				r.LastError = "…"
			}
			if r.Note != "" {
				r.Note = "…"
			}
			got[r.ID] = r
		}
		want := map[string]status.Provider{
			"acme:run":   {Name: "Acme", Account: "run", Configured: true, Source: "runtime", Label: "/run/key", Method: "key", State: "ok"},
			"acme":       {Name: "Acme", Configured: true, Source: "stored", Label: "MINE", Method: "key", State: "ok"},
			"acme:cool":  {Name: "Acme", Account: "cool", Configured: true, Source: "stored", Method: "key", State: "cooling", CoolUntil: now.Add(time.Minute), LastError: "…"},
			"acme:off":   {Name: "Acme", Account: "off", Configured: true, Source: "stored", Method: "key", State: "disabled"},
			"acme:soon":  {Name: "Acme", Account: "soon", Configured: true, Source: "stored", Method: "token", State: "expiring", Expires: now.Add(time.Hour)},
			"acme:over":  {Name: "Acme", Account: "over", Configured: true, Source: "stored", Method: "token", State: "expired", Expires: now.Add(-time.Hour), LastError: "…"},
			"acme:stale": {Name: "Acme", Account: "stale", Configured: true, Source: "stored", Label: "ann@example.org", Method: "oauth", State: "expired", Expires: now.Add(-time.Minute), Renews: true, LastError: "…"},
			"acme:ended": {Name: "Acme", Account: "ended", Configured: true, Source: "stored", Method: "oauth", State: "needs-login", Expires: now.Add(-time.Minute), LastError: "…"},
			"acme:env":   {Name: "Acme", Account: "env", Configured: true, Source: "env", Label: "ACME_KEY", Method: "key", State: "ok", Note: "…"},
			"other":      {Name: "Other", Configured: true, Source: "env", Label: "OTHER_API_KEY", Method: "key", State: "ok"},
			"local":      {Name: "Local", Configured: true, Source: "none needed", State: "ok"},
			"ghost":      {Name: "ghost", Configured: true, Source: "stored", State: "ok", LastError: "…"},
		}
		for id, r := range want {
			r.ID = id
			if !reflect.DeepEqual(got[id], r) {
				t.Errorf("%s:\ngot  %+v\nwant %+v", id, got[id], r)
			}
			delete(got, id)
		}
		if len(got) > 0 {
			t.Errorf("besides: %v", got)
		}
		if rows, err := w.m.Status(t.Context(), "wile"); err != nil || rows[0].ID != "acme:run" || rows[1].ID != "acme" {
			t.Errorf("of one provider: %v, %v", rows, err)
		}
		if _, err := w.m.Status(t.Context(), "nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDefaultModel(t *testing.T) {
	w := newWorld(t)
	if err := w.m.SetDefaultModel(t.Context(), "acme/one"); err != nil {
		t.Fatal(err)
	}
	if got := w.manager().DefaultModel(t.Context()); got != "acme/one" {
		t.Errorf("got %q", got)
	}
}

func TestDefaultCheckKey(t *testing.T) {
	for key, ok := range map[string]bool{
		goodKey: true, "": false, "short": false, "sk-xxxxxxxxxxxxxxxxxxxxxxx": false, "<your key goes here 12345>": false,
		"has a blank 1234567890123": false, "line\nbreak-1234567890123": false, "not-ascii-é-1234567890123": false,
		"eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM": true, "id-0123456789.secret/+=": true, "CHANGEME-CHANGEME-CHANGEME": false,
	} {
		err := DefaultCheckKey(key)
		if (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
		if err != nil && len(key) > 8 && strings.Contains(err.Error(), key[:8]) {
			t.Errorf("%q is repeated: %v", key, err)
		}
	}
}
