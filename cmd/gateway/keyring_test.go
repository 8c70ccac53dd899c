package main

import (
	"errors"
	"testing"

	"github.com/zalando/go-keyring"

	"chatgateway/internal/jsonfile"
)

// A keyring gets a key only where it says that it has none: the one that a locked keyring holds opens the files.
func TestFillKeyring(t *testing.T) {
	locked, full := errors.New("locked"), errors.New("full")
	for name, c := range map[string]struct {
		asked, set error
		made       bool
		want       error
	}{
		"has one":           {},
		"has none":          {asked: keyring.ErrNotFound, made: true},
		"has none, refuses": {asked: keyring.ErrNotFound, set: full, made: true, want: full},
		"is locked":         {asked: locked, want: locked},
	} {
		made := false
		err := fillKeyring("home", jsonfile.NewKey(),
			func(string) (string, error) { return "", c.asked },
			func(string, string, string) error { made = true; return c.set })
		if made != c.made || !errors.Is(err, c.want) {
			t.Errorf("%s: a key was made: %v; %v", name, made, err)
		}
	}
}
