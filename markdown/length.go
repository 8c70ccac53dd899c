package markdown

import "strings"

// UTF16Len is how many UTF-16 code units s has.
func UTF16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

// htmlLen is the length in UTF-16 code units of the text that s, HTML made here, shows.
func htmlLen(s string) int {
	n := 0
	skip := byte(0) // the sign that ends what is being skipped
	for i, r := range s {
		switch {
		case skip != 0:
			if r == rune(skip) {
				skip = 0
			}
		case r == '<':
			skip = '>'
		case r == '&' && !strings.HasPrefix(s[i:], "& "): // in a formula it is itself
			skip = ';'
			n++
		case r >= 0x10000:
			n += 2
		default:
			n++
		}
	}
	return n
}
