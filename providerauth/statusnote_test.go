package providerauth

import (
	"strings"
	"testing"

	"chatgateway/internal/secret"
)

// A status tells what requests meet: a reference that leads nowhere is no login, and one that an order leaves out is
// not used. Neither is a renewal that failed.
func TestStatusTellsWhatIsNotUsed(t *testing.T) {
	w := newWorld(t)
	put := func(id ID, key string) {
		t.Helper()
		if err := w.m.Put(t.Context(), id, Credential{Type: Key, Key: secret.New(key)}); err != nil {
			t.Fatal(err)
		}
	}
	put("acme", "env:NOT_SET_ANYWHERE")
	put("acme:work", "FAKE-key-of-work-0123456789")
	if err := w.m.SetOrder(t.Context(), "acme", "", []ID{"acme"}); err != nil {
		t.Fatal(err)
	}
	rows, err := w.m.Status(t.Context(), "acme")
	if err != nil || len(rows) != 2 {
		t.Fatalf("got %+v, %v", rows, err)
	}
	if r := rows[0]; r.State != StateMissing || r.LastError != "Its reference leads nowhere: the variable NOT_SET_ANYWHERE is not set." {
		t.Errorf("a reference to nothing: %+v", r)
	}
	if r := rows[1]; r.State != StateOK || r.LastError != "" || !strings.Contains(r.Note, "only where it is pinned") {
		t.Errorf("left out of the order: %+v", r)
	}
	out, err := w.m.Login(t.Context(), "acme:work", "key", say(goodKey))
	if err != nil || !out.Unordered {
		t.Errorf("a login that is left out of the order: %+v, %v", out, err)
	}
	if err := w.m.SetOrder(t.Context(), "acme", "", nil); err != nil {
		t.Fatal(err)
	}
	if out, err = w.m.Login(t.Context(), "acme:work", "key", say(goodKey)); err != nil || out.Unordered {
		t.Errorf("without an order: %+v, %v", out, err)
	}
}
