package browser

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestOnlyPagesAreOpened(t *testing.T) {
	for _, address := range []string{"", "file:///etc/passwd", "javascript:alert(1)", "mailto:a@b.example", "-h", "http:", "https://", "ftp://a.example/"} {
		if err := Open(t.Context(), address); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%q: got %v", address, err)
		}
	}
}

func TestWithoutADisplay(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("this system always has one")
		return
	}
	for name, env := range map[string]map[string]string{"none": {}, "SSH": {"DISPLAY": ":0", "SSH_CONNECTION": "x"}, "CI": {"DISPLAY": ":0", "CI": "true"}} {
		if Available(func(k string) string { return env[k] }) {
			t.Errorf("%s: a browser would be opened", name)
		}
	}
}

func TestOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("no browser of our own can be set here")
		return
	}
	dir := t.TempDir()
	mark := filepath.Join(dir, "opened")
	script := filepath.Join(dir, "browser")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf %s \"$1\" > "+mark+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"DISPLAY": ":0", "BROWSER": script, "SSH_CONNECTION": "", "SSH_TTY": "", "CI": "", "WSL_DISTRO_NAME": ""} {
		t.Setenv(k, v)
	}
	start := time.Now()
	if err := Open(t.Context(), "https://id.example/auth?a=1&b=$(touch+x)"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(mark)
	if err != nil || string(got) != "https://id.example/auth?a=1&b=$(touch+x)" {
		t.Errorf("opened %q, %v after %v", got, err, time.Since(start))
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if err := Open(t.Context(), "https://id.example/"); !errors.Is(err, ErrNone) {
		t.Errorf("without a display: %v", err)
	}
}
