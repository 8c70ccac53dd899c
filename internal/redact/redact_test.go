package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chatgateway/internal/secret"
)

const (
	odd   = `q7/Zr+4"x\Kp 9w&mT<2v`
	token = "FAKE0bot-token_for.tests~123456"
)

func knowing(secrets ...string) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		r.Learn(secret.New(s))
	}
	return r
}

// leaks says which 8 characters of a secret are in a text.
func leaks(text, s string) string {
	for i := 0; i+8 <= len(s); i++ {
		if strings.Contains(text, s[i:i+8]) {
			return s[i : i+8]
		}
	}
	return ""
}

func TestEveryForm(t *testing.T) {
	r := knowing(odd, token)
	for _, s := range []string{odd, token} {
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Request{Header: http.Header{}}
		h.SetBasicAuth("somebody", s)
		forms := map[string]string{
			"as it is": s, "query": url.QueryEscape(s), "path": url.PathEscape(s), "json": string(quoted), "basic": h.Header.Get("Authorization"),
			"lower":     strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%5C", "%5c", "%3C", "%3c").Replace(url.QueryEscape(s)),
			"url error": (&url.Error{Op: "Get", URL: "https://example.com/bot" + url.PathEscape(s) + "/getMe", Err: errors.New("refused")}).Error(),
		}
		for _, before := range []string{"", "a", "ab", "abc"} {
			forms["base64 "+before] = base64.StdEncoding.EncodeToString([]byte(before + s + "zz"))
			forms["base64url "+before] = base64.RawURLEncoding.EncodeToString([]byte(before + s))
		}
		for name, form := range forms {
			got := r.Mask("before " + form + " after")
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, secret.Mask) || leaks(got, form) != "" && len(form) < 3*len(secret.Mask) {
				t.Errorf("%s: %s", name, got)
			}
			if part := leaks(r.Clean(form), s); part != "" {
				t.Errorf("%s: %q is left in %s", name, part, r.Clean(form))
			}
		}
	}
}

// TestA1NumbersStay: nothing is taken out for the name of its field, and numbers stay.
func TestA1NumbersStay(t *testing.T) {
	r := knowing(token, "1234", "0", "")
	for _, text := range []string{`{"maxTokens": 4096, "token_limit": 1234, "password": "short"}`, "1234 tokens", ""} {
		if got := r.Clean(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestA10OnlyOurSecrets: a conversation is changed only where it holds a secret of ours; examples of keys, other
// people's keys, and words that somebody took for a password stay.
func TestA10OnlyOurSecrets(t *testing.T) {
	r := knowing(token, "password", "12345678", "letmeinplease", "lm-studio", "not-needed")
	for _, text := range []string{
		"a key looks like sk-ant-api03-EXAMPLEexampleEXAMPLE0000", "choose a better password than 12345678", "FAKE0bot-token_for", "[secret]",
		"lm-studio takes any key: it is not-needed",
	} {
		if got := r.Mask(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
		if r.Holds(text) {
			t.Errorf("%q is said to hold a secret", text)
		}
	}
	if got := r.Mask(r.Mask("x" + token + token + "y")); got != "x"+secret.Mask+secret.Mask+"y" {
		t.Errorf("got %q", got)
	}
}

// TestCleanPieces: an error that tells the beginning or the end of a key tells too much.
func TestCleanPieces(t *testing.T) {
	r := knowing(token, strings.Repeat("x", 40))
	for _, text := range []string{"key " + token[:14] + "...", "…" + token[len(token)-12:], token[5:20], "cut: " + token[:len(token)-1]} {
		if part := leaks(r.Clean(text), token); part != "" {
			t.Errorf("%q is left of %q", part, text)
		}
	}
	if got := r.Clean("sk-proj-FAKEfakeFAKEfake0000"); got != secret.Mask {
		t.Errorf("got %q for a key of nobody's", got)
	}
}

// TestGrowing: while an answer grows, no part of a secret is shown, and what was shown stays.
func TestGrowing(t *testing.T) {
	r := knowing(token)
	whole, shown := "so "+token+" is it, FAKE0 is not", ""
	for n := range len(whole) + 1 {
		now := r.Growing(whole[:n])
		if !strings.HasPrefix(now, shown) {
			t.Fatalf("%q after %q", now, shown)
		}
		if leaks(now, token) != "" {
			t.Fatalf("%q shows a piece", now)
		}
		shown = now
	}
	if shown != r.Mask(whole) {
		t.Errorf("in the end %q", shown)
	}
}

func TestForgetsTheOldest(t *testing.T) {
	r := &Redactor{}
	long := func(n int) string { return strings.Repeat(fmt.Sprintf("%032d-%s", n, token), 20) }
	for n := range 60 {
		r.Learn(secret.New(long(n)), secret.New(odd))
	}
	if !r.Holds(odd) || !r.Holds(long(59)) || r.Holds(long(0)) {
		t.Error("the wrong ones were forgotten")
	}
	if n := len(r.known); n > 40 {
		t.Errorf("%d are known", n)
	}
}

func TestNil(t *testing.T) {
	var r *Redactor
	r.Learn(secret.New(token))
	if r.Mask(token) != token || r.Holds(token) || r.Growing("x") != "x" || r.Clean("x") != "x" {
		t.Error("a nil Redactor changes texts")
	}
}

type stringer struct{}

func (stringer) String() string { return "I am " + token }

type valuer struct{}

func (valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("in", token), slog.Any("err", errors.New(token)))
}

type broken struct{}

func (*broken) Error() string { panic(token) }

// TestA3LogSink tries every road into a line of the log.
func TestA3LogSink(t *testing.T) {
	r := knowing(token)
	for name, make := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		type inner struct{ Pub, priv string }
		l := slog.New(Handler(make(&b), r))
		err := fmt.Errorf("a: %w", errors.Join(errors.New("x"), &url.Error{Op: "Post", URL: "https://h/" + token, Err: errors.New(token)}))
		l.Info("message "+token, "s", token, "err", err, "stringer", stringer{}, "valuer", valuer{}, "bytes", []byte(token),
			"struct", inner{token, token}, "pointer", &inner{token, token}, "map", map[string]any{token: []string{token}},
			"url", &url.URL{Scheme: "https", Host: "h", Path: "/" + token}, "header", http.Header{"Authorization": {"Bearer " + token}},
			slog.Group("g", "deep", slog.GroupValue(slog.String("er", token))), "nil", nil, "typed nil", (*broken)(nil), "n", 12)
		l.With("with", token).WithGroup("group").With("e", err).Warn("x", "k", token)
		l.With(slog.Group("g", "x", token)).Info("x", token, 1)
		if part := leaks(b.String(), token); part != "" {
			t.Errorf("%s: %q was logged:\n%s", name, part, b.String())
		}
		if !strings.Contains(b.String(), "12") || strings.Count(b.String(), "\n") != 3 {
			t.Errorf("%s: %s", name, b.String())
		}
	}
}

// TestA3SplitWrites: a secret that a library prints in two goes through the log in two lines, neither of which tells eight
// characters of it.
func TestA3SplitWrites(t *testing.T) {
	for n := range len(token) + 1 {
		var b bytes.Buffer
		l := slog.NewLogLogger(Handler(slog.NewTextHandler(&b, nil), knowing(token)), slog.LevelInfo)
		for _, part := range []string{"the URL is /bot" + token[:n], token[n:] + "/getMe"} {
			if _, err := l.Writer().Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if part := leaks(b.String(), token); part != "" || strings.Count(b.String(), "\n") != 2 {
			t.Errorf("cut at %d, %q is left:\n%s", n, part, b.String())
		}
	}
}

// FuzzClean: no text that holds a secret keeps it, and Mask changes nothing else.
func FuzzClean(f *testing.F) {
	f.Add("", "a "+token+" b")
	f.Add(odd, url.QueryEscape(odd))
	f.Add(token, token[:20]+token[8:])
	f.Fuzz(func(t *testing.T, s, text string) {
		if len(s) > 1000 || len(text) > 5000 {
			return
		}
		r := knowing(s, token)
		for _, known := range []string{s, token} {
			if len(known) < shortest || strings.Contains(secret.Mask, known) || strings.Contains(known, secret.Mask[:4]) || strings.Contains(known, secret.Mask[4:]) {
				continue
			}
			if telling(known) && strings.Contains(r.Clean(text+known), known) {
				t.Errorf("%q is left", known)
			}
		}
		if m := r.Mask(text); (m == text) == r.Holds(text) && !strings.Contains(text, secret.Mask) {
			t.Errorf("Mask gave %q of %q", m, text)
		}
		if g := r.Growing(text); !strings.HasPrefix(r.Mask(text), g) {
			t.Errorf("Growing gave %q of %q", g, text)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	r := &Redactor{}
	for n := range 40 {
		r.Learn(secret.New(fmt.Sprintf("sk-ant-api03-%d-%s", n, strings.Repeat(fmt.Sprint(n, "Ab"), 20))))
	}
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and sk-ant-api03- begins a key. ", 1000)
	for name, f := range map[string]func(string) string{"Mask": r.Mask, "Clean": r.Clean, "Growing": r.Growing} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				f(text)
			}
		})
	}
}
