package jsonfile

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"chatgateway/internal/secret"
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
		if text := bytes.TrimPrefix(data, []byte("\ufeff")); len(bytes.TrimSpace(text)) > 0 && !json.Valid(text) {
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

// FuzzSealed: nothing but what was sealed opens, and what is not encrypted comes back as it is.
func FuzzSealed(f *testing.F) {
	codec, err := NewCodec(secret.New("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
	if err != nil {
		f.Fatal(err)
	}
	box, err := codec.Seal([]byte(`{"a": {"key": "FAKE"}}`))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(box), strings.Replace(string(box), `"version": 1`, `"version": 2`, 1), `{"@sealed": {}}`, `{"@sealed": null, "a": 1}`, "{}", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := codec.Open(data)
		if err != nil || bytes.Equal(plain, data) {
			return
		}
		if string(plain) != `{"a": {"key": "FAKE"}}` {
			t.Errorf("%q opens as %q", data, plain)
		}
	})
}
