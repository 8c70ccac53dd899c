package providerauth

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"chatgateway/internal/secret"
)

// BenchmarkCredential measures a look-up with a valid stored token: the target is less than a microsecond.
func BenchmarkCredential(b *testing.B) {
	m := benchManager(b, filepath.Join(b.TempDir(), "providers.json"))
	want := Want{Provider: "acme"}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Credential(b.Context(), want); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("pinned", func(b *testing.B) {
		want := Want{Provider: "acme", Account: "work"}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Credential(b.Context(), want); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(500) // goroutines a core
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := m.Credential(b.Context(), want); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkCredentialWhileRewritten is the same with 1,000 goroutines while another process rewrites the file.
func BenchmarkCredentialWhileRewritten(b *testing.B) {
	path := filepath.Join(b.TempDir(), "providers.json")
	m := benchManager(b, path)
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestRewriter$")
	cmd.Env = append(os.Environ(), "GATEWAY_TEST_REWRITE="+path)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var changes atomic.Int64
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() {
		for ch := m.Changed(); ; ch = m.Changed() {
			select {
			case <-ch:
				changes.Add(1)
			case <-ctx.Done():
				return
			}
		}
	}()
	b.ReportAllocs()
	b.SetParallelism(500)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := m.Credential(b.Context(), Want{Provider: "acme"}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(changes.Load()), "rereads")
}

// TestRewriter is the other process of the benchmark.
func TestRewriter(t *testing.T) {
	path := os.Getenv("GATEWAY_TEST_REWRITE")
	if path == "" {
		return
	}
	s := OpenFile(path)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		c := token(int(time.Now().UnixNano()), time.Hour)
		c.ID = "acme"
		set(t, s, c)
	}
}

func benchManager(tb testing.TB, path string) *Manager {
	s := OpenFile(path)
	for _, id := range []ID{"acme", "acme:work", "other"} {
		c := Credential{ID: id, Type: OAuth, Access: secret.New("FAKE-access"), Refresh: secret.New("FAKE-refresh"), Expires: time.Now().Add(24 * time.Hour)}
		err := s.Update(tb.Context(), id, func(context.Context, Credential) (Credential, error) { return c, nil })
		if err != nil {
			tb.Fatal(err)
		}
	}
	return New(Options{Store: s, Schemes: []Scheme{(&acme{}).scheme()}, Env: func(string) string { return "" }})
}
