package adapter

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimited stops reading at the limit, whatever was said of the size.
func TestLimited(t *testing.T) {
	large := errors.New("too large")
	for _, c := range []struct {
		size int
		fits bool
	}{{1 << 20, true}, {1<<20 + 1, false}, {3 << 20, false}} {
		closed := false
		l := Limited(io.NopCloser(bytes.NewReader(make([]byte, c.size))), 1<<20, large, func() { closed = true })
		n, err := io.Copy(io.Discard, l)
		if (err == nil) != c.fits || !c.fits && !errors.Is(err, large) || n > 1<<20 {
			t.Errorf("%d bytes: read %d, %v", c.size, n, err)
		}
		if err := l.Close(); err != nil || !closed {
			t.Errorf("close: %v, the request ended: %v", err, closed)
		}
	}
}

func TestRecent(t *testing.T) {
	r := NewRecent(3)
	for n := range 5 {
		r.Add(strconv.Itoa(n))
		r.Add(strconv.Itoa(n))
	}
	for n := range 5 {
		if got := r.Has(strconv.Itoa(n)); got != (n > 1) {
			t.Errorf("%d is known: %v", n, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for s, good := range map[string]bool{"https://a.example/api/": true, "http://127.0.0.1:1": true, "http://[::1]/x": true, "http://a.example": false, "a.example": false,
		"https://u:p@a.example": false, "https://a.example/?q": false, "ftp://127.0.0.1": false} {
		if _, err := BaseAddress(s, "https://x"); (err == nil) != good {
			t.Errorf("BaseAddress(%q): %v", s, err)
		}
	}
	for s, good := range map[string]bool{"https://a.example/x?y": true, "http://a": true, "javascript:alert(1)": false, "https://": false, "https://a.example/too-long": false} {
		if WebAddress(s, 25) != good {
			t.Errorf("WebAddress(%q)", s)
		}
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := Pause(t.Context(), time.Hour); err != nil || time.Since(begun) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Pause(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gave %v", err)
		}
		if err := Pause(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its context ended no pause gave %v", err)
		}
	})
	for range 100 {
		if d := Jitter(time.Second); d < time.Second/2 || d > time.Second {
			t.Errorf("Jitter gave %s", d)
		}
		for n, whole := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 4: 10 * time.Second, 1000: 10 * time.Second} {
			if d := Backoff(n, time.Second, 10*time.Second); d < whole/2 || d > whole {
				t.Errorf("Backoff(%d) gave %s", n, d)
			}
		}
	}
}

// TestMarks: what was kept is known to the next run; only what changed is kept again; what is forgotten is removed.
func TestMarks(t *testing.T) {
	kept := map[string]string{}
	read := func(_ context.Context, key string) (string, error) { return kept[key], nil }
	load := func() *Marks {
		m, err := LoadMarks(t.Context(), read, "list", "last:", 3)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	keep := func(m *Marks, want ...string) {
		t.Helper()
		got := m.Changed()
		if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, want) {
			t.Errorf("%q is to be kept, want %q", keys, want)
		}
		maps.Copy(kept, got)
		m.Kept(got)
	}
	m := load()
	m.Meet("a", "home", 10)
	m.Reach("b", "", 20)
	m.Pass("unknown", 5)
	keep(m, "last:a", "last:b", "list")
	keep(m)
	m.Reach("a", "", 9) // an older one
	keep(m)
	m.Pass("a", 30)
	late := m.Changed()
	m.Pass("a", 31)
	m.Kept(late)
	keep(m, "last:a")
	m = load()
	if all := m.All(); len(all) != 2 || !m.Knows("a") || all[0].Last+all[1].Last != 51 || all[0].Note+all[1].Note != "home" {
		t.Errorf("read: %+v", all)
	}
	m.Reach("c", "", 40)
	m.Reach("d", "", 50) // b was silent for longest
	m.Forget("c")
	keep(m, "last:b", "last:c", "last:d", "list")
	if kept["last:b"] != "" || kept["last:c"] != "" {
		t.Errorf("kept: %q", kept)
	}
	if m := load(); len(m.All()) != 2 || m.Knows("b") || m.Knows("c") {
		t.Errorf("read: %+v", m.All())
	}
	broken := errors.New("broken")
	if _, err := LoadMarks(t.Context(), func(context.Context, string) (string, error) { return "", broken }, "list", "last:", 3); !errors.Is(err, broken) {
		t.Errorf("gave %v", err)
	}
}

func TestRemember(t *testing.T) {
	m := map[string]int{}
	for n, k := range []string{"a", "b", "c"} {
		Remember(m, 2, k, n)
	}
	if len(m) != 1 || m["c"] != 2 {
		t.Errorf("it holds %v", m)
	}
}

func TestState(t *testing.T) {
	why := errors.New("why")
	var err error = &State{Service: "chat", Text: "It is off.", Err: why}
	if !errors.Is(err, why) || err.Error() != "chat: It is off." || err.(interface{ UserMessage() string }).UserMessage() != "It is off." {
		t.Errorf("it is %v", err)
	}
}
