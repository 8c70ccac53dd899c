//go:build !race

package email

// underRace: everything takes some ten times as long.
const underRace = false
