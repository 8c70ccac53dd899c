// Package lazyregexp compiles regular expressions when they are first used: those of channels and providers that are
// not set up cost nothing at the start. All of them together took two megabytes and several milliseconds.
package lazyregexp

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// Regexp is a regular expression whose compilation may still be due. Its methods are those of [regexp.Regexp].
type Regexp func() *regexp.Regexp

// New is regexp.MustCompile, later. In tests it compiles at once, so that no mistake waits for its first use.
func New(expr string) Regexp {
	r := Regexp(sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) }))
	if strings.HasSuffix(strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"), ".test") {
		r()
	}
	return r
}

// MatchString is [regexp.Regexp.MatchString]; the others are likewise.
func (r Regexp) MatchString(s string) bool              { return r().MatchString(s) }
func (r Regexp) Match(b []byte) bool                    { return r().Match(b) }
func (r Regexp) FindString(s string) string             { return r().FindString(s) }
func (r Regexp) FindSubmatch(b []byte) [][]byte         { return r().FindSubmatch(b) }
func (r Regexp) FindStringSubmatch(s string) []string   { return r().FindStringSubmatch(s) }
func (r Regexp) FindSubmatchIndex(b []byte) []int       { return r().FindSubmatchIndex(b) }
func (r Regexp) FindStringSubmatchIndex(s string) []int { return r().FindStringSubmatchIndex(s) }
func (r Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return r().FindAllStringSubmatch(s, n)
}
func (r Regexp) FindAllStringSubmatchIndex(s string, n int) [][]int {
	return r().FindAllStringSubmatchIndex(s, n)
}
func (r Regexp) ReplaceAllString(s, with string) string { return r().ReplaceAllString(s, with) }
func (r Regexp) ReplaceAllStringFunc(s string, f func(string) string) string {
	return r().ReplaceAllStringFunc(s, f)
}
