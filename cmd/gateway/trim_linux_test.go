package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestTrim gives pages of the program file back, and the program runs on.
func TestTrim(t *testing.T) {
	mapped := func() int {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("no RssFile in %s", text)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := mapped()
	trim()
	if after := mapped(); after > before/2 {
		t.Errorf("%d KB of the program file are mapped, before %d", after, before)
	}
}
