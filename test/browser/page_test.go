package browser

import (
	"os"
	"testing"
)

// TestPage: a person uses the page.
func TestPage(t *testing.T) { newStage(t).run("page.mjs") }

// TestAttack: other sites, at other hosts and at other ports of this one, try to get at the page of a person who is
// let in.
func TestAttack(t *testing.T) { newStage(t).run("attack.mjs") }

// TestShots makes pictures of the page at phone and desk size, light and dark, in the folder that SHOTS names, and
// checks that nothing is wider than the screen.
func TestShots(t *testing.T) {
	if os.Getenv("SHOTS") == "" && (os.Getenv("CI") == "" || testing.Short()) {
		t.Skip("SHOTS names no folder")
	}
	newStage(t).run("shots.mjs")
}

// TestAccess: the page is good to use for people who see, hear or move otherwise.
func TestAccess(t *testing.T) { newStage(t).run("access.mjs") }
