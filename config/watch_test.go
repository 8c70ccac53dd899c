package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type told struct {
	c   *Config
	err error
}

// watched runs Watch over a file and lets a test change it and see what is told.
type watched struct {
	t     *testing.T
	path  string
	again chan os.Signal
	told  chan told
}

func watch(t *testing.T, text string) *watched {
	t.Helper()
	w := &watched{t: t, path: filepath.Join(t.TempDir(), "config.yaml"), again: make(chan os.Signal, 1), told: make(chan told, 10)}
	w.save(text)
	now, err := Load(w.path, known)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		Watch(ctx, w.path, known, now, w.again, func(c *Config, err error) { w.told <- told{c, err} })
	}()
	t.Cleanup(func() { cancel(); <-over })
	return w
}

func (w *watched) save(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) wantModel(model string) {
	w.t.Helper()
	select {
	case got := <-w.told:
		if got.err != nil || got.c.Model != model {
			w.t.Fatalf("told %+v, want the model %q", got, model)
		}
	case <-time.After(5 * time.Second):
		w.t.Fatalf("nothing was told, want the model %q", model)
	}
}

func (w *watched) wantMistake(text string) {
	w.t.Helper()
	select {
	case got := <-w.told:
		if got.err == nil || !strings.Contains(got.err.Error(), text) || got.c != nil {
			w.t.Fatalf("told %+v, want %q", got, text)
		}
	case <-time.After(5 * time.Second):
		w.t.Fatalf("nothing was told, want %q", text)
	}
}

func TestWatchTakesUpChanges(t *testing.T) {
	w := watch(t, "model: ollama/1\n")
	w.save("model: ollama/2\n")
	w.wantModel("ollama/2")
	w.save("# a comment changes nothing\nmodel: ollama/2\n")
	w.save("model: [\n")
	w.wantMistake("config.yaml:1:8")
	w.again <- os.Interrupt // asked to read again, the mistake is said again
	w.wantMistake("config.yaml:1:8")
	w.save("modle: a/2\n")
	w.wantMistake(`did you mean "model"`)
	w.save("model: ollama/2\n") // as it was: the mistake is gone
	w.wantModel("ollama/2")
	if err := os.Rename(w.path, w.path+".old"); err != nil {
		t.Fatal(err)
	}
	w.wantModel("")
	if err := os.Rename(w.path+".old", w.path); err != nil {
		t.Fatal(err)
	}
	w.wantModel("ollama/2")
	if len(w.told) > 0 {
		t.Errorf("told without need: %+v", <-w.told)
	}
}

func TestWatchSeesWhatChangedBeforeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("model: ollama/2"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	Watch(ctx, path, known, Defaults(), nil, func(c *Config, err error) {
		if err != nil || c.Model != "ollama/2" {
			t.Errorf("told %+v, %v", c, err)
		}
		cancel()
	})
}

func TestEditorsThatDoNotReplaceTheFile(t *testing.T) {
	for name, begin := range map[string]func(path string) error{
		"remove": os.Remove, "empty": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, "model: ollama/1\n")
			if err := begin(w.path); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(500*time.Millisecond, func() { w.save("model: ollama/2\n") })
			w.wantModel("ollama/2") // and never the defaults
		})
	}
}
