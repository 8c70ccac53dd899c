package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-value-0123456789"

// TestNeverPrinted tries every road by which a value reaches a text.
func TestNeverPrinted(t *testing.T) {
	type inner struct{ token String }
	type outer struct {
		in  inner
		Pub String
	}
	v := outer{inner{New(canary)}, New(canary)}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p", "%T", "%10s"} {
		fmt.Fprintf(&out, verb, New(canary))
		fmt.Fprintf(&out, verb, v)
		fmt.Fprintf(&out, verb, &v)
		fmt.Fprintf(&out, verb, []String{New(canary)})
	}
	b, err := json.Marshal(map[string]any{"a": New(canary), "b": v})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", New(canary), "struct", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", New(canary), "struct", v)
	fmt.Fprint(&out, fmt.Errorf("x: %v", New(canary)))
	for i := 0; i+8 <= len(canary); i++ {
		if part := canary[i : i+8]; strings.Contains(out.String(), part) {
			t.Fatalf("%q of the secret was printed:\n%s", part, out.String())
		}
	}
	if fmt.Sprintf("%x", canary) != "" && strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Fatal("the secret was printed in hexadecimal")
	}
}

func TestEqual(t *testing.T) {
	if !New("a").Equal(New("a")) || New("a").Equal(New("b")) || !New("").Equal(String{}) {
		t.Fatal("Equal is wrong")
	}
	if New("a").Fingerprint() == New("b").Fingerprint() || New("").Fingerprint() != "" {
		t.Fatal("Fingerprint is wrong")
	}
}

func TestShaped(t *testing.T) {
	for text, want := range map[string]bool{
		"sk-ant-api03-FAKEfakeFAKEfake0000":                     true,
		"here it is: sk-proj-FAKEfakeFAKEfake0000":              true,
		"key=AIzaFAKEfakeFAKEfakeFAKEfake":                      true,
		"123456789:FAKEfakeFAKEfakeFAKEfakeFAKEfake00":          true,
		"(`xoxb-0000000000-FAKEfake`)":                          true,
		"how do I write a task-list in Markdown":                false,
		"the risk-averse-investors-and-their-friends went home": false,
		"https://example.com/sk-1":                              false,
		"what is sk-learn?":                                     false,
		"":                                                      false,
	} {
		if got := Shaped(text); got != want {
			t.Errorf("Shaped(%q) = %v", text, got)
		}
	}
	if got := Redact("a sk-FAKEfakeFAKEfake0000 b gsk_FAKEfakeFAKEfake0000"); got != "a [secret] b [secret]" {
		t.Errorf("Redact gave %q", got)
	}
}
