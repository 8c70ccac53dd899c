package providerauth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatgateway/internal/secret"
)

// A folder for the locks that cannot be made is said with what to do, to people and in the log.
func TestLocksCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "locks"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := New(Options{Store: OpenFile(filepath.Join(dir, "providers.json")), Schemes: []Scheme{{ID: "fake", Name: "Fake"}}})
	err := m.Put(t.Context(), "fake", Credential{Type: Key, Key: secret.New("FAKE-key-for-tests")})
	var ours *Error
	if !errors.As(err, &ours) || !errors.Is(err, ErrUnreadable) {
		t.Fatalf("got %v", err)
	}
	for _, text := range []string{ours.UserMessage(), ours.Error()} {
		if !strings.Contains(text, "locks: it is a file, and should be a folder") {
			t.Errorf("it says %q", text)
		}
	}
	if !strings.Contains(ours.UserMessage(), "move it away") {
		t.Errorf("it does not say what to do: %q", ours.UserMessage())
	}
}
