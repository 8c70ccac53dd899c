package jsonfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestMain lets the test binary be the other process: a writer, or the holder of a lock.
func TestMain(m *testing.M) {
	switch os.Getenv("JSONFILE_TEST_ROLE") {
	case "writer":
		os.Exit(writer(os.Getenv("JSONFILE_TEST_PATH"), os.Getenv("JSONFILE_TEST_NAME")))
	case "holder":
		os.Exit(holder(os.Getenv("JSONFILE_TEST_PATH")))
	}
	os.Exit(m.Run())
}

// writer counts up under its own key until it is killed, or for a second, and tells each count that is on disk.
func writer(path, name string) int {
	f := File{Path: path}
	end := time.Now().Add(time.Second)
	for n := 1; time.Now().Before(end); n++ {
		err := f.Update(context.Background(), func(d *Doc) error {
			var old int
			if _, err := d.Decode(name, &old); err != nil {
				return err
			}
			return d.Set(name, old+1)
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(n)
	}
	return 0
}

func holder(path string) int {
	if _, err := Lock(context.Background(), path); err != nil {
		return 1
	}
	fmt.Println("locked")
	time.Sleep(time.Minute) // until it is killed
	return 0
}

func child(t *testing.T, role, path, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "JSONFILE_TEST_ROLE="+role, "JSONFILE_TEST_PATH="+path, "JSONFILE_TEST_NAME="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestProcessesLoseNoWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth", "f.json")
	write(t, path, `{"unknown": {"x": [1, 2]}}`)
	var cmds []*exec.Cmd
	outs := make([]chan int, 4)
	for i := range outs {
		cmd := child(t, "writer", path, "w"+strconv.Itoa(i))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
		outs[i] = make(chan int, 1)
		go func() {
			last, n := 0, 0
			for {
				if _, err := fmt.Fscan(out, &n); err != nil {
					break
				}
				last = n
			}
			outs[i] <- last
		}()
	}
	done := make(chan bool)
	go func() { // the file parses at every moment
		defer close(done)
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			if d, err := (File{Path: path}).Read(); err != nil || !d.Has("unknown") {
				t.Errorf("read while written: %v", err)
				return
			}
		}
	}()
	<-done
	for i, cmd := range cmds {
		want := <-outs[i]
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		d, err := File{Path: path}.Read()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		if _, err := d.Decode("w"+strconv.Itoa(i), &got); err != nil || got != want || got == 0 {
			t.Errorf("writer %d: %d writes, %d on disk: %v", i, want, got, err)
		}
		if string(d.Raw("unknown")) == "" {
			t.Error("the unknown record is gone")
		}
	}
}

func TestKilledWritersLeaveAFileThatParses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	f := File{Path: path}
	confirmed := 0
	for range 15 {
		cmd := child(t, "writer", path, "w")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(rand.N(60*time.Millisecond)+20*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for n := 0; ; confirmed++ {
			if _, err := fmt.Fscan(out, &n); err != nil {
				break
			}
		}
		_ = cmd.Wait()
		kill.Stop()
		d, err := f.Read()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		if _, err := d.Decode("w", &got); err != nil || got < confirmed {
			t.Fatalf("%d writes were confirmed, %d are on disk: %v", confirmed, got, err)
		}
		confirmed = got // a write may be on disk before it is told of
	}
	if confirmed == 0 {
		t.Error("nothing was written at all")
	}
	write(t, filepath.Join(filepath.Dir(path), tempPrefix("f.json")+"123"), "half")
	if err := f.Update(t.Context(), func(d *Doc) error { return d.Set("w", 0) }); err != nil {
		t.Fatal(err)
	}
	if left := leftovers(filepath.Dir(path), "f.json"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestLockIsFreedByDeathAndBoundedByContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	cmd := child(t, "holder", path, "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var word string
	if _, err := fmt.Fscan(out, &word); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = File{Path: path}.Update(ctx, func(*Doc) error { t.Error("called without the lock"); return nil })
	if !errors.Is(err, ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if err := (File{Path: path}).Update(t.Context(), func(d *Doc) error { return d.Set("a", 1) }); err != nil {
		t.Errorf("after the holder died: %v", err)
	}
}

func TestLockKeepsGoroutinesApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	inside, done := 0, make(chan error)
	for range 8 {
		go func() {
			for range 20 {
				unlock, err := Lock(t.Context(), path)
				if err != nil {
					done <- err
					return
				}
				inside++ // the race detector sees who is not alone here
				if inside != 1 {
					err = errors.New("not alone")
				}
				inside--
				unlock()
				unlock() // a second call does nothing
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("a lock was given to a context that had ended: %v", err)
	}
	if _, err := Lock(t.Context(), filepath.Join(path, "no", "folder")); err == nil {
		t.Error("locked in a folder that does not exist")
	}
}

func BenchmarkUpdate(b *testing.B) {
	f := File{Path: filepath.Join(b.TempDir(), "f.json")}
	for n := 0; b.Loop(); n++ {
		if err := f.Update(b.Context(), func(d *Doc) error { return d.Set("a", json.Number(strconv.Itoa(n))) }); err != nil {
			b.Fatal(err)
		}
	}
}
