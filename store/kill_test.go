package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgateway/channels"
)

// The tests of this file run the test binary again as a child, which writes to a store and says on its standard output
// what it was told is durable, until it is killed. Then the file must hold all of it.
func TestMain(m *testing.M) {
	switch path := os.Getenv("STORE_TEST_CHILD"); {
	case path == "":
		os.Exit(m.Run())
	case os.Getenv("STORE_TEST_STATE") != "":
		childAt(path, os.Getenv("STORE_TEST_STATE"))
	default:
		childAny(path)
	}
}

// child starts the binary again; what it says comes line by line.
func child(t *testing.T, path, state string) (kill func(), lines *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+path, "STORE_TEST_STATE="+state)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	return func() { _ = cmd.Process.Kill() }, bufio.NewScanner(out)
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// childAt brings one turn to a state and waits there to be killed. The last write before it was not waited for, but
// everything before that one was flushed.
func childAt(path, state string) {
	ctx := context.Background()
	s, err := Open(ctx, path, Options{})
	die(err)
	at := func(name string) {
		die(s.Flush(ctx))
		if name == state {
			fmt.Println("here")
			select {}
		}
	}
	items, err := s.Keep(ctx, tg, []Incoming{text("m1", "hello"), text("m2", "there")}, map[string]string{"offset": "2"}, nil)
	die(err)
	at("queued")
	turn, err := s.Begin(ctx, chat, "model", seqs(items[:1]), false)
	die(err)
	at("running")
	s.SetPart(turn.ID, Part{0, "b1", "hel"})
	at("part")
	s.Answer(turn.ID, "hello!", raw(`"q"`, `"a"`))
	at("answered")
	if state == "stopped" {
		_, err := s.Stop(ctx, chat, items[1].Seq)
		die(err)
	}
	at("stopped")
	s.Finish(turn.ID)
	at("done")
}

func TestKilledInEveryState(t *testing.T) {
	for state, want := range map[string]string{
		"queued":   "queue hello there, turns , history 0",
		"running":  "queue there, turns running [hello] 0 parts, history 0",
		"part":     "queue there, turns running [hello] 1 parts, history 0",
		"answered": "queue there, turns answered [hello] 1 parts hello!, history 2",
		"stopped":  "queue , turns , history 2",
		"done":     "queue there, turns , history 2",
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "home", "gateway.db")
			kill, lines := child(t, path, state)
			if !lines.Scan() {
				t.Fatal("the child did not get there")
			}
			kill()
			for lines.Scan() { // until it is dead and its lock is gone
			}
			s := open(t, path, Options{})
			if mark, err := s.Mark(t.Context(), tg, "offset"); err != nil || mark != "2" {
				t.Errorf("mark %q %v", mark, err)
			}
			h, err := s.History(t.Context(), chat)
			if err != nil {
				t.Fatal(err)
			}
			var queue, turns []string
			for _, it := range s.Queue(chat) {
				queue = append(queue, it.Message.Text)
			}
			undone, err := s.Undone(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range undone {
				turns = append(turns, strings.TrimSpace(fmt.Sprintf("%s [%s] %d parts %s", u.State, u.Items[0].Message.Text, len(u.Parts), u.Final)))
			}
			got := fmt.Sprintf("queue %s, turns %s, history %d", strings.Join(queue, " "), strings.Join(turns, "; "), len(h))
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// childAny does in several conversations at once what a gateway does, as fast as it can. It says "K conv n" when message n
// is kept, "C conv n" when a command is begun, "F conv n" before Finish and "D conv n" when that is durable, "T conv n"
// before all up to n are stopped and "S conv n" when they are.
func childAny(path string) {
	ctx := context.Background()
	s, err := Open(ctx, path, Options{Sync: "normal"})
	die(err)
	first, err := strconv.Atoi(os.Getenv("STORE_TEST_FIRST"))
	die(err)
	for conv := range 4 {
		go func() {
			c := Conv{tg, channels.ConversationID(fmt.Sprint(conv))}
			for n := first; ; n++ {
				id := channels.MessageID(fmt.Sprintf("%d-%d", conv, n))
				_, err := s.Keep(ctx, tg, []Incoming{{Message: channels.Message{Conversation: c.Conversation, ID: id, Text: fmt.Sprint(n)}}},
					map[string]string{fmt.Sprint(conv): fmt.Sprint(n)}, nil)
				die(err)
				fmt.Printf("K %d %d\n", conv, n)
				q := s.Queue(c)
				switch rand.IntN(6) {
				case 0: // let it wait
				case 1:
					_, err := s.Begin(ctx, c, "command", seqs(q[len(q)-1:]), true)
					die(err)
					fmt.Printf("C %d %d\n", conv, n)
				case 2:
					fmt.Printf("T %d %d\n", conv, n)
					_, err := s.Stop(ctx, c, q[len(q)-1].Seq)
					die(err)
					fmt.Printf("S %d %d\n", conv, n)
				default:
					turn, err := s.Begin(ctx, c, "model", seqs(q[len(q)-1:]), false)
					die(err)
					s.SetPart(turn.ID, Part{0, "b", "text"})
					s.Answer(turn.ID, "text", raw(`"q"`, `"a"`))
					if rand.IntN(3) == 0 {
						continue
					}
					fmt.Printf("F %d %d\n", conv, n)
					s.Finish(turn.ID)
					if rand.IntN(3) == 0 {
						die(s.Flush(ctx))
						fmt.Printf("D %d %d\n", conv, n)
					}
				}
			}
		}()
	}
	select {}
}

func TestKilledAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home", "gateway.db")
	said := map[string]map[string]bool{"K": {}, "C": {}, "F": {}, "D": {}, "S": {}, "T": {}}
	trying, stoppedTo := map[string]int{}, map[string]int{}
	first := 1
	for round := range 12 {
		t.Setenv("STORE_TEST_FIRST", fmt.Sprint(first))
		kill, lines := child(t, path, "")
		stop := 20 + rand.IntN(300)
		for i := 0; lines.Scan(); i++ {
			if i == stop {
				kill()
			}
			verb, what, _ := strings.Cut(lines.Text(), " ")
			conv, num, _ := strings.Cut(what, " ")
			n, err := strconv.Atoi(num)
			if err != nil {
				continue // cut off by the kill
			}
			said[verb][conv+"-"+num] = true
			first = max(first, n+2)
			switch verb {
			case "T":
				trying[conv] = max(trying[conv], n)
			case "S":
				stoppedTo[conv] = max(stoppedTo[conv], n)
			}
		}
		checkKilled(t, path, said, trying, stoppedTo)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d kept, %d commands, %d finished, %d of them durable, %d stops", len(said["K"]), len(said["C"]), len(said["F"]), len(said["D"]), len(said["S"]))
}

func checkKilled(t *testing.T, path string, said map[string]map[string]bool, trying, stoppedTo map[string]int) {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	where := map[string]string{}
	for _, c := range s.Waiting() {
		last := int64(0)
		for _, it := range s.Queue(c) {
			where[string(it.Message.ID)] = "queue"
			if it.Seq <= last {
				t.Errorf("%v: out of order", c)
			}
			last = it.Seq
		}
	}
	undone, err := s.Undone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range undone {
		for _, it := range u.Items {
			where[string(it.Message.ID)] = u.Kind
		}
		if u.State == Answered && u.Final == "" {
			t.Errorf("turn %d is answered without an answer", u.ID)
		}
	}
	for id := range said["K"] {
		conv, num, _ := strings.Cut(id, "-")
		n, _ := strconv.Atoi(num)
		mayBeGone := said["F"][id] || n <= trying[conv]
		if !mayBeGone && where[id] == "" {
			t.Errorf("%s was kept and is lost", id)
		}
	}
	for id := range said["C"] {
		if where[id] == "queue" {
			t.Errorf("command %s was begun and would run again", id)
		}
	}
	for id := range said["D"] {
		if where[id] != "" {
			t.Errorf("%s was done and is in %s", id, where[id])
		}
	}
	for id, place := range where {
		conv, num, _ := strings.Cut(id, "-")
		if n, _ := strconv.Atoi(num); n <= stoppedTo[conv] {
			t.Errorf("%s was stopped and is in %s", id, place)
		}
	}
	var verdict string
	if err := s.reads.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %s %v", verdict, err)
	}
	for conv := range 4 {
		c := Conv{tg, channels.ConversationID(fmt.Sprint(conv))}
		h, err := s.History(t.Context(), c)
		if err != nil || len(h)%2 != 0 {
			t.Errorf("half a turn is in the history: %d %v", len(h), err)
		}
	}
}
