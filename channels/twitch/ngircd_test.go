package twitch_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/channels/twitch"
	"chatgateway/internal/status"
)

// TestNgircd: on an IRC server that we did not write, as far as plain IRC goes: it has no tags, so nobody is vouched
// for, but rooms are joined, text comes and goes, and lines keep to 512 bytes.
func TestNgircd(t *testing.T) {
	addr, start := ngircd(t)
	stop := start()
	off := false
	reports, heard := make(chan status.Channel, 100), make(chan channels.Message, 100)
	ch, err := twitch.Service.Open(channels.Options{Account: "twitch", Secrets: channeltest.NewSecrets(map[string]string{"token": "faketoken"}),
		Settings: &twitch.Settings{ChannelName: "lobby", Nick: "gateway_bot", Prefix: "!", Parts: 2, Server: addr, TLS: &off, APIBase: "off"},
		Report:   func(s status.Channel) { reports <- s }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- ch.Run(ctx, func(_ context.Context, b channels.Batch) error {
			for _, m := range b.Messages {
				heard <- m
			}
			return nil
		})
	}()
	defer func() {
		cancel()
		if err := await(t, "the end", done, func(error) bool { return true }); err != nil {
			t.Errorf("Run gave %v", err)
		}
	}()
	refused, err := twitch.Service.Open(channels.Options{Account: "twitch", Secrets: channeltest.NewSecrets(map[string]string{"token": "wrong"}),
		Settings: &twitch.Settings{ChannelName: "lobby", Nick: "wrong_bot", Prefix: "!", Parts: 2, Server: addr, TLS: &off, APIBase: "off"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := refused.Run(ctx, nil); !errors.Is(err, channels.ErrRejected) {
		t.Errorf("Run with a wrong password gave %v", err)
	}
	for _, round := range []string{"first", "after a restart"} {
		s := await(t, "the bot to be there", reports, func(s status.Channel) bool { return s.State == status.Degraded })
		if !strings.Contains(s.Detail, "no message tags") {
			t.Errorf("the state is %q", s.Detail)
		}
		ann := talk(t, addr, "ann")
		fmt.Fprintf(ann, "PRIVMSG #lobby :@gateway_bot hello %s\r\n", round)
		m := await(t, "a message", heard, func(channels.Message) bool { return true })
		if m.Text != "hello "+round || !m.Addressed || m.From != "" || m.Conversation != "lobby/~ann" {
			t.Errorf("arrived as %+v", m)
		}
		if _, err := ch.Send(t.Context(), channels.Post{To: m.Conversation, Answers: m.ID, Text: round + strings.Repeat(" éàü", 100) + " end"}); err != nil {
			t.Fatalf("Send: %v", err)
		}
		got := ""
		for r := bufio.NewReader(ann); !strings.HasSuffix(got, "end"); {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("after %d bytes, %q: %v", len(got), got[max(0, len(got)-60):], err)
			}
			if len(line) > 512 {
				t.Errorf("a line of %d bytes", len(line))
			}
			if _, text, ok := strings.Cut(strings.TrimSpace(line), " PRIVMSG #lobby :"); ok {
				got = strings.TrimSpace(got + " " + text)
			}
		}
		if want := round + strings.Repeat(" éàü", 100) + " end"; got != want {
			t.Errorf("ann reads %d bytes; want %d", len(got), len(want))
		}
		_ = ann.Close()
		stop()
		if round == "first" {
			await(t, "the loss to be noticed", reports, func(s status.Channel) bool { return s.State == status.Connecting })
			stop = start()
		}
	}
}

// await waits for a value that will do.
func await[T any](t *testing.T, what string, c <-chan T, will func(T) bool) (v T) {
	t.Helper()
	end := time.After(20 * time.Second)
	for {
		select {
		case v = <-c:
			if will(v) {
				return v
			}
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// talk connects a person to the room.
func talk(t *testing.T, addr, nick string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(c, "PASS oauth:faketoken\r\nNICK %[1]s\r\nUSER %[1]s 0 * :%[1]s\r\nJOIN #lobby\r\n", nick)
	for r := bufio.NewReaderSize(c, 1); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := strings.CutPrefix(line, "PING "); ok {
			fmt.Fprintf(c, "PONG %s\r\n", strings.TrimSpace(text))
		}
		if strings.Contains(line, " 366 ") {
			return c
		}
	}
}

// ngircd prepares a server on loopback; start starts it and gives what stops it.
func ngircd(t *testing.T) (addr string, start func() (stop func())) {
	t.Helper()
	path := "/usr/sbin/ngircd"
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("ngircd is missing; scripts/setup installs it")
		}
		t.Skip("ngircd is missing; scripts/setup installs it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = l.Close()
	conf := filepath.Join(t.TempDir(), "ngircd.conf")
	text := "[Global]\nName = irc.test\nInfo = a test\nListen = 127.0.0.1\nPorts = " + port + "\nMotdPhrase = hello\nPassword = oauth:faketoken\n" +
		"[Limits]\nMaxNickLength = 25\nMaxConnectionsIP = 0\n[Options]\nDNS = no\nIdent = no\nPAM = no\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return addr, func() func() {
		t.Helper()
		cmd := exec.Command(path, "-n", "-f", conf)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var once bool
		stop := func() {
			if !once {
				once = true
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		}
		t.Cleanup(stop)
		for end := time.Now().Add(10 * time.Second); ; {
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				_ = c.Close()
				return stop
			}
			if time.Now().After(end) {
				t.Fatalf("ngircd does not start: %v", err)
			}
			<-time.After(10 * time.Millisecond)
		}
	}
}
