// Package browser drives the page in a real browser: headless Chromium, by the scripts in this folder. The page runs
// here, in this process, with a bot of a few lines in place of the gateway's core.
package browser

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatgateway/channels"
	"chatgateway/channels/web"
	"chatgateway/console"
	"chatgateway/test/program"
)

// stage is the page with its bot, and what a script may ask of it.
type stage struct {
	t    *testing.T
	home string
	addr string
	log  *buffer
	bot  *bot

	page    *web.Channel
	stop    func()
	evil    *httptest.Server // another site
	cookies buffer           // that the other site was sent
}

// newStage starts the page on an address that stays the same.
func newStage(t *testing.T) *stage {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, home: t.TempDir(), addr: ln.Addr().String(), log: &buffer{}}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	s.bot = newBot(t)
	s.evil = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.cookies.Write([]byte(r.Header.Get("Cookie")))
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>another site</title><p>Another site.")
	}))
	t.Cleanup(s.evil.Close)
	s.start()
	return s
}

func (s *stage) start() {
	ch, err := web.Service.Open(channels.Options{
		Account: "web", Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Settings: &web.Settings{Listen: s.addr, Home: s.home, Panel: console.Handler(s.bot), Core: s.bot},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.page = ch.(*web.Channel)
	s.bot.setPage(s.page)
	if err := s.page.SetMenu(s.t.Context(), s.bot.menu()); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.page.Run(ctx, s.bot.handle) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
		s.bot.wait()
	})
	s.t.Cleanup(func() { s.stop() })
	select {
	case <-s.page.Ready():
	case err := <-done:
		s.t.Fatalf("Run: %v", err)
	}
}

// act does what a script asks.
func (s *stage) act(what, arg string) (any, error) {
	switch what {
	case "link":
		return s.page.NewLink()
	case "url":
		return s.page.URL(), nil
	case "cookies":
		return s.cookies.String(), nil
	case "evil":
		return strings.Replace(s.evil.URL, "127.0.0.1", arg, 1), nil
	case "stop":
		s.stop()
	case "start":
		s.start()
	case "heard":
		return s.bot.texts(), nil
	case "state":
		s.bot.set(arg)
	case "release":
		s.bot.release()
	case "traces":
		return s.traces(arg), nil
	case "post":
		return nil, s.bot.post(arg)
	default:
		return nil, fmt.Errorf("nobody knows how to %s", what)
	}
	return true, nil
}

// traces says where a text is: in files of the home folder, in the log, in a message to the core.
func (s *stage) traces(text string) []string {
	found := []string{}
	err := filepath.WalkDir(s.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
	if strings.Contains(s.log.String(), text) {
		found = append(found, "the log")
	}
	if slices.ContainsFunc(s.bot.texts(), func(m string) bool { return strings.Contains(m, text) }) {
		found = append(found, "a message")
	}
	return found
}

// run runs a script of this folder; it fails the test if the script does.
func (s *stage) run(script string) {
	s.t.Helper()
	program.Script(s.t, script, s.act, s.log.String)
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Interface guards
var (
	_ console.Source = (*bot)(nil)
	_ web.Core       = (*bot)(nil)
)
