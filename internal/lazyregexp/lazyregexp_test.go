package lazyregexp_test

import (
	"testing"

	"chatgateway/internal/lazyregexp"
)

func TestMistakesAreFoundByTests(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a wrong expression was taken")
		}
	}()
	lazyregexp.New("(")
}

func TestIsARegexp(t *testing.T) {
	r := lazyregexp.New(`a(b*)`)
	if !r.MatchString("xab") || r.MatchString("b") {
		t.Error("it matches what it should not, or does not match what it should")
	}
	if got := r.FindStringSubmatch("xabb"); len(got) != 2 || got[1] != "bb" {
		t.Errorf("found %q", got)
	}
	if got := r.ReplaceAllString("xabb", "-"); got != "x-" {
		t.Errorf("replaced to %q", got)
	}
}
