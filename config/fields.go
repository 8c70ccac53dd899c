package config

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is one setting of a struct.
type field struct {
	name  string
	index []int
	typ   reflect.Type
	enum  []string // from the tag enum:"a,b"; empty: any value
	help  string   // from the tag help:"…"
}

// fieldsOf lists the settings of a struct as its yaml tags say, those of inlined structs among them. A field without a
// tag has its name in lower case; "-" leaves it out.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() && !f.Anonymous || name == "-" {
			continue
		}
		if option == "inline" && f.Type.Kind() == reflect.Struct {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		one := field{name: cmp.Or(name, strings.ToLower(f.Name)), index: []int{i}, typ: f.Type, help: f.Tag.Get("help")}
		if enum := f.Tag.Get("enum"); enum != "" {
			one.enum = strings.Split(enum, ",")
		}
		fields = append(fields, one)
	}
	return fields
}

func names(fields []field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return all
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// nearest gives the name that was probably meant, or "". Case, "-" and "_" hardly count.
func nearest(name string, names []string) string {
	best, bestAt := "", (len(name)+1)/3+1
	for _, n := range names {
		if at := distance(squash(name), squash(n)); at < bestAt && at < len(n) {
			best, bestAt = n, at
		}
	}
	return best
}

func squash(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, s[:min(len(s), 64)])
}

// distance counts the letters to put in, leave out, exchange or swap with the next.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
