package jsonfile

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzParse: whatever a file holds is refused, or read as encoding/json reads it; its errors tell no value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "{}", `{"a": {"key": "x"}, "a": 1}`, `{"openai": {"type": "api_key", "key": "FAKE"}}`, "\ufeff{}", "[1]", `{"a": 1e999}`, "{\"\xff\": null}", `{"a":{"b":{}}} x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		for _, k := range d.Keys() {
			raw := d.Raw(k)
			if !json.Valid(raw) {
				t.Errorf("%q is %q", k, raw)
			}
			_, _ = d.Object(k)
		}
		if len(bytes.TrimSpace(data)) > 0 && !json.Valid(bytes.TrimPrefix(data, []byte("\ufeff"))) {
			t.Errorf("%q was read", data)
		}
	})
}

// FuzzSplitWords: the words of a command are what stands there.
func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"", "pass show x", `pass "a b" 'c d'`, `"`, `a"b"c`, "a\\ b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := splitWords(s)
		n := 0
		for _, w := range words {
			n += len(w)
		}
		if err == nil && n > len(s)*3 { // a broken byte becomes three
			t.Errorf("%q gives %q", s, words)
		}
	})
}
