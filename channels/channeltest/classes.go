package channeltest

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"chatgateway/channels"
)

// Class says what an error means to the core: rejected, setup, gone, never (errors.ErrUnsupported), else passing, if it is
// tried again in a moment, or other. What is of several is of none that is wanted.
func Class(err error, passing bool) string {
	var classes []string
	for _, c := range []struct {
		name string
		is   bool
	}{{"rejected", errors.Is(err, channels.ErrRejected)}, {"setup", errors.Is(err, channels.ErrSetup)}, {"gone", errors.Is(err, channels.ErrGone)},
		{"never", errors.Is(err, errors.ErrUnsupported)}, {"passing", passing}} {
		if c.is {
			classes = append(classes, c.name)
		}
	}
	if classes == nil {
		return "other"
	}
	return strings.Join(classes, "+")
}

// Classes reads a file of lines that name a class and then errors of the service's and calls each with
// them. A line that begins with # is a comment.
func Classes(t testing.TB, file string, each func(class string, words []string)) {
	t.Helper()
	f, err := os.Open(file) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if words := strings.Fields(s.Text()); len(words) > 0 && words[0] != "#" {
			each(words[0], words[1:])
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}
