// Package secret holds values that must not be printed: tokens, keys, passwords, the answers of a login.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what a String shows wherever it is printed.
const Mask = "[secret]"

// String is a secret text. It prints as [secret] with every verb of fmt, in slog, and in JSON and text encodings;
// only Reveal gives the text. The zero value is the empty secret.
//
// It holds a pointer because fmt calls no methods on values inside unexported fields and would print what it finds
// there. Two Strings must be compared with Equal; == compares the pointers.
type String struct{ s *string }

// New makes s a secret.
func New(s string) String {
	if s == "" {
		return String{}
	}
	return String{&s}
}

// Reveal gives the text. Call it only where the secret leaves for the one place it is meant for: a header, a file
// of mode 0600, a form.
func (s String) Reveal() string {
	if s.s == nil {
		return ""
	}
	return *s.s
}

// Empty reports whether there is no text.
func (s String) Empty() bool { return s.s == nil || *s.s == "" }

// Equal compares two secrets in constant time.
func (s String) Equal(t String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// Fingerprint names the secret without telling it: 16 hexadecimal digits of its SHA-256, or "" for the empty secret.
// It is for latches and comparisons on disk, never for people.
func (s String) Fingerprint() string {
	if s.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:8])
}

// String implements fmt.Stringer.
func (s String) String() string {
	if s.Empty() {
		return ""
	}
	return Mask
}

// Format implements fmt.Formatter, so that %x and %q show no more than %s.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString implements fmt.GoStringer.
func (s String) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler; encoding/json uses it too.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Interface guards
var (
	_ fmt.Formatter  = String{}
	_ fmt.GoStringer = String{}
	_ slog.LogValuer = String{}
)
