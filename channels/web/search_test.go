package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"chatgateway/channels"
)

// found is what a search brings.
type found struct {
	Hits []hit
	More bool
}

func (f found) texts() (out []string) {
	for _, h := range f.Hits {
		out = append(out, fmt.Sprintf("%s %s", h.Conversation, h.Text))
	}
	return out
}

func (v *visitor) search(t *testing.T, text string) (f found) {
	t.Helper()
	v.want(t, http.StatusOK, v.do(t, "POST", v.base+"/search", map[string]string{"text": text}), &f)
	return f
}

// A search finds what a person said and was told, of what was edited only what stands there now, and nothing of
// other people.
func TestSearch(t *testing.T) {
	h := run(t, t.TempDir(), nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	other := visit(t, h.Channel, "other", "conversation2")
	v.say(t, "Where is the Straße to the harbour?")
	id, err := h.Send(t.Context(), channels.Post{To: "conversation1", Text: "A first guess", Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Edit(t.Context(), id, channels.Post{To: "conversation1", Text: "Behind the **harbour** office, left."}); err != nil {
		t.Fatal(err)
	}
	other.say(t, "the harbour of another person")

	same := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	want := []string{"conversation1 Behind the **harbour** office, left.", "conversation1 Where is the Straße to the harbour?"}
	same("in memory", v.search(t, "HARBOUR").texts(), want)
	same("every word", v.search(t, "harbour office").texts(), want[:1])
	same("what was edited away", v.search(t, "guess").texts(), nil)
	same("nothing", v.search(t, "  ").texts(), nil)

	h.stop()
	h = run(t, h.home, nil)
	v = visit(t, h.Channel, Owner, "conversation3")
	same("from the files", v.search(t, "harbour").texts(), want)
	same("edited away, in the files", v.search(t, "guess").texts(), nil)
	h.book.mu.Lock()
	loaded := h.book.talks["conversation1"].loaded
	h.book.mu.Unlock()
	if loaded {
		t.Error("a search keeps the conversations that it reads in memory")
	}
}

// A search ends at a bound, and cuts what it shows at whole letters.
func TestSearchBounds(t *testing.T) {
	h := run(t, t.TempDir(), nil)
	v := visit(t, h.Channel, Owner, "conversation1")
	v.say(t, "begin")
	for range maxHits + 1 {
		if _, err := h.Send(t.Context(), channels.Post{To: "conversation1", Text: strings.Repeat("ü", 200) + " needle " + strings.Repeat("ü", 200)}); err != nil {
			t.Fatal(err)
		}
	}
	f := v.search(t, "needle")
	if len(f.Hits) != maxHits || !f.More {
		t.Errorf("%d hits, more: %v", len(f.Hits), f.More)
	}
	if s := f.Hits[0].Text; !strings.HasPrefix(s, "…ü") || !strings.HasSuffix(s, "ü…") || strings.ContainsRune(s, '\uFFFD') || !strings.Contains(s, "needle") {
		t.Errorf("what is shown is %q", s)
	}
}
