package messages

import (
	"slices"
	"strconv"
	"strings"

	"chatgateway/providers/catalog"
)

// unknownMaxOut is the limit of an answer of a model of which nothing is known.
const unknownMaxOut = 8192

// For gives what the format must know of a model, wherever it is served.
func For(m catalog.Model) Dialect {
	d := Dialect{MaxOut: m.MaxOut, Adaptive: adaptive(m.ID)}
	if d.MaxOut == 0 {
		own, _ := catalog.Lookup("anthropic", m.ID)
		d.MaxOut = own.MaxOut
	}
	if d.MaxOut == 0 {
		d.MaxOut = unknownMaxOut
	}
	d.Always = d.Adaptive && !slices.Contains(m.Efforts, "none")
	return d
}

// adaptive reports whether a model takes an effort rather than a budget of tokens to think with: Claude since 4.6.
func adaptive(id string) bool {
	_, rest, ok := strings.Cut(id, "claude-")
	if !ok {
		return false
	}
	var version []int
	for _, word := range strings.Split(rest, "-") {
		n, err := strconv.Atoi(word)
		switch {
		case err == nil && n < 100: // not a date
			version = append(version, n)
		case err != nil && len(version) == 0:
			continue // the model's name
		}
	}
	switch {
	case len(version) == 0:
		return true // one without a number is new
	case len(version) == 1:
		return version[0] >= 5
	}
	return version[0] > 4 || version[0] == 4 && version[1] >= 6
}
