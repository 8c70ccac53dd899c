package jsonfile

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/internal/secret"
)

func codec(t *testing.T, key secret.String) Codec {
	t.Helper()
	c, err := NewCodec(key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSealedFile(t *testing.T) {
	key := NewKey()
	plain := File{Path: filepath.Join(t.TempDir(), "f.json")}
	sealed := File{Path: plain.Path, Codec: codec(t, key)}
	write(t, plain.Path, `{"a": {"key": "sk-fake"}, "unknown": 1.50}`)
	if err := plain.Rewrite(t.Context(), sealed.Codec); err != nil {
		t.Fatal(err)
	}
	first := read(t, plain.Path)
	if strings.Contains(first, "fake") || strings.Contains(first, "unknown") {
		t.Errorf("not encrypted: %s", first)
	}
	if err := sealed.Update(t.Context(), func(d *Doc) error { return d.Set("b", "x") }); err != nil {
		t.Fatal(err)
	}
	if d, err := sealed.Read(); err != nil || strings.Join(d.Keys(), " ") != "a unknown b" || string(d.Raw("unknown")) != "1.50" {
		t.Errorf("got %v", err)
	}
	second := read(t, plain.Path)
	for name, f := range map[string]File{"no key": plain, "another key": {Path: plain.Path, Codec: codec(t, NewKey())}} {
		_, readErr := f.Read()
		err := f.Update(t.Context(), func(d *Doc) error { return d.Set("c", "plain") })
		for _, err := range []error{err, readErr} {
			if e, ok := errors.AsType[*Error](err); !ok || e.Do == "" || !errors.Is(err, ErrSealed) && !errors.Is(err, ErrWrongKey) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	if read(t, plain.Path) != second {
		t.Error("written without the key")
	}
	if err := sealed.Rewrite(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if d, err := plain.Read(); err != nil || d.Len() != 3 {
		t.Errorf("decrypted: %v", err)
	}
	if err := (File{Path: filepath.Join(t.TempDir(), "no", "file")}).Rewrite(t.Context(), sealed.Codec); err != nil {
		t.Errorf("a missing file: %v", err)
	}
}

func TestDamagedSealIsNeverOverwritten(t *testing.T) {
	f := File{Path: filepath.Join(t.TempDir(), "f.json"), Codec: codec(t, NewKey())}
	if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("a", "x") }); err != nil {
		t.Fatal(err)
	}
	good := []byte(read(t, f.Path))
	at := bytes.Index(good, []byte(`"data": "`)) + 10
	flipped := bytes.Clone(good)
	flipped[at] ^= 1
	for name, text := range map[string]string{
		"flipped": string(flipped), "cut": string(good[:len(good)-20]), "version": strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"mixed": strings.Replace(string(good), "{", `{"plain": 1,`, 1),
	} {
		write(t, f.Path, text)
		err := f.Update(t.Context(), func(d *Doc) error { return d.Set("b", "x") })
		if !errors.Is(err, ErrCorrupt) || read(t, f.Path) != text {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, key := range []string{strings.Repeat("ab", 32), NewKey().Reveal(), strings.TrimRight(NewKey().Reveal(), "=") + "\n"} {
		if _, err := NewCodec(secret.New(key)); err != nil {
			t.Errorf("got %v", err)
		}
	}
	for _, key := range []string{"", "fake-password", strings.Repeat("ab", 31), strings.Repeat("ab", 33)} {
		if _, err := NewCodec(secret.New(key)); err == nil || strings.Contains(err.Error(), "fake") {
			t.Errorf("%q: got %v", key, err)
		}
	}
}
