package secret

import "testing"

// FuzzRedact: it ends, leaves nothing that is shaped like a key, and changes nothing else.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{"", "a sk-FAKEfakeFAKEfake0000 b", "'sk-FAKEfakeFAKEfake0000'xoxb-0000000000-FAKE", Mask + "sk-" + Mask, "123456789:FAKEfakeFAKEfakeFAKEfakeFAKEfake00", "eyJFAKEfake0.FAKEfake0.FAKEfake0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Redact(text)
		if Shaped(got) {
			t.Errorf("%q became %q", text, got)
		}
		if !Shaped(text) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
