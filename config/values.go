package config

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"chatgateway/internal/jsonfile"
	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
)

// errWanted: a value is of another kind than its setting.
var errWanted = errors.New("another kind of value is wanted")

var accountShape = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Size is a number of bytes, written like 500KB, 20MB or 1GB (of 1024 each), or as a plain number.
type Size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	t := strings.ToUpper(strings.TrimSpace(string(text)))
	shift := 0
	for i, unit := range []string{"K", "M", "G"} {
		for _, end := range []string{unit + "IB", unit + "B", unit} {
			if number, ok := strings.CutSuffix(t, end); ok {
				t, shift = strings.TrimSpace(number), 10*(i+1)
				break
			}
		}
	}
	if shift == 0 {
		t = strings.TrimSpace(strings.TrimSuffix(t, "B"))
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return errWanted
	}
	*s = Size(n << shift)
	return nil
}

// String writes the size as people do.
func (s Size) String() string {
	for shift, unit := range map[int]string{30: "GB", 20: "MB", 10: "KB"} {
		if n := int64(1) << shift; s != 0 && int64(s)%n == 0 && int64(s)/n < 1024 {
			return strconv.FormatInt(int64(s)/n, 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// setDuration takes what time.ParseDuration takes, and a plain number as seconds.
func setDuration(v reflect.Value, text string) error {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if err != nil {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.Abs(f) > math.MaxInt64/float64(time.Second) {
			return errWanted
		}
		d = time.Duration(f * float64(time.Second))
	}
	if d < 0 {
		return errors.New("it cannot be less than nothing")
	}
	v.SetInt(int64(d))
	return nil
}

// lookUp follows env:NAME and file:PATH. What a command prints is not taken here: settings are read often, and must
// be read fast.
func lookUp(text string) (secret.String, error) {
	if strings.HasPrefix(text, "exec:") {
		return secret.String{}, errors.New("commands cannot be run from here; use env:NAME or file:PATH")
	}
	// No command is run, so there is nothing that a context could end.
	s, err := (&jsonfile.Resolver{}).Resolve(context.Background(), text)
	if err != nil {
		return secret.String{}, errors.New(strings.TrimSuffix(err.Error(), ": "+jsonfile.ErrReference.Error()))
	}
	return s, nil
}

// textOf gives a scalar as it is written; ok is false for lists and records.
func textOf(n ast.Node) (text string, quoted, ok bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		kind := t.Token.Type
		return t.Value, kind == token.SingleQuoteType || kind == token.DoubleQuoteType, true
	case *ast.LiteralNode:
		return t.Value.Value, true, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode, *ast.NullNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

// keyOf gives an entry's name as it is written.
func keyOf(p *ast.MappingValueNode) string {
	if s, ok := p.Key.(*ast.StringNode); ok {
		return s.Value
	}
	if k, ok := p.Key.(*ast.MappingKeyNode); ok {
		if text, _, ok := textOf(k.Value); ok {
			return text
		}
	}
	return p.Key.GetToken().Value
}

func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a record"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false; put it in quotation marks if it is a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		if _, quoted, _ := textOf(n); quoted {
			return "a text in quotation marks"
		}
		switch strings.ToLower(n.Value) {
		case "yes", "no", "on", "off", "y", "n":
			return "a text; write true or false for yes and no"
		}
	}
	return "a text"
}

func wanted(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a time like 90s, 5m or 6h"
	case t == reflect.TypeFor[Size]():
		return "a size like 500KB or 20MB"
	case t == secretType:
		return "a text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct, reflect.Map:
		return "a record"
	case reflect.Slice:
		return "a list"
	}
	return "a text"
}

func join(setting, name string) string {
	if setting == "" {
		return name
	}
	return setting + "." + name
}

// unknown says that there is no such name, and which may be meant.
func unknown(what, name string, names []string) string {
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("there is no such %s; did you mean %q?", what, near)
	}
	if len(names) == 0 {
		return fmt.Sprintf("there is no such %s", what)
	}
	return fmt.Sprintf("there is no such %s; there are %s", what, strings.Join(names, ", "))
}
