package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"chatgateway/internal/secret"
)

// decoder puts a YAML tree into structs and notes every mistake with its place. It is strict: what it does not know,
// and what is of another kind, is a mistake. It is our own because the library stops at the first mistake, quotes the
// source in its errors, and cannot tell a user's id written as a number from a number.
type decoder struct {
	known   Known
	file    string
	at      map[string]position
	found   []Problem
	anchors map[string]ast.Node
	nodes   int // seen so far, what aliases repeat included
}

const maxNodes = 100_000

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[secret.String]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (d *decoder) wrong(n ast.Node, setting, format string, args ...any) {
	p := d.place(n)
	d.found = append(d.found, Problem{File: d.file, Line: p.line, Column: p.column, Setting: setting, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) place(n ast.Node) position {
	var t *token.Token
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			t = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = n.Key.GetToken()
	}
	if t == nil {
		t = n.GetToken()
	}
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, max(t.Position.Column, 1)}
}

// open looks through anchors, aliases and tags.
func (d *decoder) open(n ast.Node, setting string) (_ ast.Node, asText bool) {
	for range maxDepth {
		switch t := n.(type) {
		case *ast.AnchorNode:
			d.anchors[t.Name.GetToken().Value] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target, ok := d.anchors[t.Value.GetToken().Value]
			if !ok {
				d.wrong(n, setting, "*%s is not defined before it; a text that begins with * must stand in quotation marks", t.Value.GetToken().Value)
				return nil, false
			}
			n = target
		case *ast.TagNode:
			if t.Start.Value != "!!str" {
				d.wrong(n, setting, "tags like %s have no meaning here", t.Start.Value)
				return nil, false
			}
			asText, n = true, t.Value
		default:
			return n, asText
		}
	}
	d.wrong(n, setting, "this is nested too deep")
	return nil, false
}

// value puts n into v. Nothing (null) leaves v as it is.
func (d *decoder) value(n ast.Node, v reflect.Value, setting string, depth int) {
	if d.nodes++; depth > maxDepth || d.nodes > maxNodes {
		d.found = nil
		d.wrong(n, setting, "this is nested too deep, or repeats itself without an end")
		return
	}
	n, asText := d.open(n, setting)
	if n == nil || n.Type() == ast.NullType && !asText {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch {
	case v.Type() == secretType, v.Type() == durationType, reflect.PointerTo(v.Type()).Implements(textType):
		d.scalar(n, v, setting, asText)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.record(n, v, setting, depth)
	case reflect.Map:
		d.table(n, v, setting, depth)
	case reflect.Slice:
		d.list(n, v, setting, depth)
	case reflect.Interface:
		d.free(n, v, setting, depth)
	default:
		d.scalar(n, v, setting, asText)
	}
}

// pairs gives the entries of a record, those of a merge (<<) before its own.
func (d *decoder) pairs(n ast.Node, setting, want string) []*ast.MappingValueNode {
	var values []*ast.MappingValueNode
	switch t := n.(type) {
	case *ast.MappingNode:
		values = t.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{t}
	default:
		d.wrong(n, setting, "want %s, here is %s", want, kindOf(n))
		return nil
	}
	var merged, own []*ast.MappingValueNode
	for _, p := range values {
		if !p.Key.IsMergeKey() {
			own = append(own, p)
			continue
		}
		if d.nodes++; d.nodes > maxNodes {
			return nil
		}
		if base, _ := d.open(p.Value, setting); base != nil {
			merged = append(merged, d.pairs(base, setting, "a record to take over")...)
		}
	}
	return append(merged, own...)
}

// record puts a mapping into a struct.
func (d *decoder) record(n ast.Node, v reflect.Value, setting string, depth int) {
	fields := fieldsOf(v.Type())
	for _, p := range d.pairs(n, setting, "settings with a name and a colon each") {
		name := keyOf(p)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			d.wrong(p, join(setting, name), "%s", unknown("setting", name, names(fields)))
			continue
		}
		f, under := fields[i], join(setting, name)
		d.at[under] = d.place(p)
		target := v.FieldByIndex(f.index)
		if setting == "" && name == "channels" {
			d.channels(p.Value, target, under, depth+1)
			continue
		}
		d.value(p.Value, target, under, depth+1)
		d.choice(p.Value, target, f, under)
	}
}

// choice checks a text that may have certain values only.
func (d *decoder) choice(n ast.Node, v reflect.Value, f field, setting string) {
	if len(f.enum) == 0 || v.Kind() != reflect.String || v.String() == "" || slices.Contains(f.enum, v.String()) {
		return
	}
	hint := ""
	if near := nearest(v.String(), f.enum); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	d.wrong(n, setting, "it may be %s%s", strings.Join(f.enum, ", "), hint)
}

// table puts a mapping into a map with text keys.
func (d *decoder) table(n ast.Node, v reflect.Value, setting string, depth int) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, p := range d.pairs(n, setting, "names with a colon each") {
		under := join(setting, keyOf(p))
		d.at[under] = d.place(p)
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, elem, under, depth+1)
		v.SetMapIndex(reflect.ValueOf(keyOf(p)).Convert(v.Type().Key()), elem)
	}
}

// list puts a sequence into a slice, in place of what is there.
func (d *decoder) list(n ast.Node, v reflect.Value, setting string, depth int) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(n, setting, "want a list, like [a, b], here is %s", kindOf(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, e := range seq.Values {
		under := fmt.Sprintf("%s[%d]", setting, i)
		if inner, _ := d.open(e, under); inner != nil && inner.Type() == ast.NullType {
			d.wrong(e, under, "there is nothing after the dash or the comma")
			continue
		}
		d.value(e, v.Index(i), under, depth+1)
	}
}

// channels puts the settings of each account into what its service makes for them.
func (d *decoder) channels(n ast.Node, v reflect.Value, setting string, depth int) {
	n, _ = d.open(n, setting)
	if n == nil || n.Type() == ast.NullType {
		return
	}
	all := map[string]any{}
	for _, p := range d.pairs(n, setting, "accounts with a colon each") {
		account := keyOf(p)
		under := join(setting, account)
		service, rest, more := strings.Cut(account, ":")
		make, ok := d.known.Channels[service]
		switch {
		case !ok:
			d.wrong(p, under, "%s", unknown("chat service", service, keys(d.known.Channels)))
			continue
		case more && !accountShape.MatchString(rest):
			d.wrong(p, under, "an account's name is made of letters, digits and - . _, like %s:support", service)
			continue
		}
		d.at[under] = d.place(p)
		var settings any
		if make != nil {
			settings = make()
		}
		if settings == nil {
			settings = &struct{}{} // a service without settings
		}
		d.value(p.Value, reflect.ValueOf(settings), under, depth+1)
		all[account] = settings
	}
	v.Set(reflect.ValueOf(all))
}

// free puts anything into an any: text, numbers, bools, []any, map[string]any.
func (d *decoder) free(n ast.Node, v reflect.Value, setting string, depth int) {
	var target reflect.Value
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		target = reflect.New(reflect.TypeFor[map[string]any]()).Elem()
	case *ast.SequenceNode:
		target = reflect.New(reflect.TypeFor[[]any]()).Elem()
	case *ast.BoolNode:
		target = reflect.New(reflect.TypeFor[bool]()).Elem()
	case *ast.IntegerNode:
		target = reflect.New(reflect.TypeFor[int64]()).Elem()
	case *ast.FloatNode:
		target = reflect.New(reflect.TypeFor[float64]()).Elem()
	default:
		target = reflect.New(reflect.TypeFor[string]()).Elem()
	}
	d.value(n, target, setting, depth+1)
	v.Set(target)
}

// scalar puts one value into v. A text may be written as a number, as people's ids are.
func (d *decoder) scalar(n ast.Node, v reflect.Value, setting string, asText bool) {
	text, quoted, ok := textOf(n)
	if !ok {
		d.wrong(n, setting, "want %s, here is %s", wanted(v.Type()), kindOf(n))
		return
	}
	quoted = quoted || asText
	var err error
	switch {
	case v.Type() == secretType:
		var s secret.String
		if s, err = lookUp(text); err == nil {
			v.Set(reflect.ValueOf(s))
		}
	case v.Type() == durationType:
		err = setDuration(v, text)
	case reflect.PointerTo(v.Type()).Implements(textType):
		if v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)) != nil {
			err = errWanted
		}
	default:
		err = setScalar(n, v, text, quoted)
	}
	if errors.Is(err, errWanted) {
		d.wrong(n, setting, "want %s, here is %s", wanted(v.Type()), kindOf(n))
	} else if err != nil {
		d.wrong(n, setting, "%s", err)
	}
}

func setScalar(n ast.Node, v reflect.Value, text string, quoted bool) error {
	switch v.Kind() {
	case reflect.String:
		if n.Type() == ast.BoolType && !quoted {
			return errWanted
		}
		v.SetString(text)
		return nil
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return errWanted
		}
		v.SetBool(b.Value)
		return nil
	}
	if quoted {
		return errWanted
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return errWanted
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return errWanted
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return errWanted
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("settings of type %s cannot be read", v.Type())
	}
	return nil
}
