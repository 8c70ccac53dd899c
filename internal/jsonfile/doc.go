package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Doc is a JSON object whose values are kept as they stand in the file, in their order, until they are set. It is
// used by one goroutine at a time. The zero value is an empty object.
type Doc struct {
	keys   []string
	values map[string]json.RawMessage
	stamp  Stamp
}

// Parse reads one JSON object, for a value that is itself an object. Its errors are *Error without a path.
func Parse(data []byte) (*Doc, error) { return parse("", data) }

// Stamp tells which state of the file was read.
func (d *Doc) Stamp() Stamp { return d.stamp }

// Keys gives the keys in the order of the file.
func (d *Doc) Keys() []string { return slices.Clone(d.keys) }

// Len counts the keys.
func (d *Doc) Len() int { return len(d.keys) }

// Has reports whether there is such a key, even if its value is null.
func (d *Doc) Has(key string) bool { _, ok := d.values[key]; return ok }

// Raw gives a value as it stands in the file; nil if there is none. It must not be changed.
func (d *Doc) Raw(key string) json.RawMessage { return d.values[key] }

// Decode reads a value into v and reports whether the key is there. Fields that v does not know are passed over. The
// error says which field has the wrong type, never what stands there.
func (d *Doc) Decode(key string, v any) (bool, error) {
	raw, ok := d.values[key]
	if !ok {
		return false, nil
	}
	err := json.Unmarshal(raw, v)
	if te, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		kind, _, _ := strings.Cut(te.Value, " ") // "number 17" would tell the number
		return true, fmt.Errorf("%q: field %q is a %s, want %s: %w", key, te.Field, kind, te.Type, ErrCorrupt)
	}
	if err != nil {
		return true, fmt.Errorf("%q: %w", key, ErrCorrupt)
	}
	return true, nil
}

// Object gives the value of key as an object of its own; an empty one if there is no such key or it is null. Changes
// to it take effect by Set.
func (d *Doc) Object(key string) (*Doc, error) {
	raw, ok := d.values[key]
	if !ok || string(raw) == "null" {
		return &Doc{}, nil
	}
	sub, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", key, ErrCorrupt)
	}
	return sub, nil
}

// Set puts v under key: where the key stands, else at the end. v is anything that encoding/json takes, a *Doc among
// them.
func (d *Doc) Set(key string, v any) error {
	var raw []byte
	if sub, ok := v.(*Doc); ok {
		raw = sub.encode()
	} else {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("encode %q: %w", key, err)
		}
		raw = bytes.TrimSpace(b.Bytes())
	}
	if d.values == nil {
		d.values = map[string]json.RawMessage{}
	}
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = raw
	return nil
}

// Merge puts the fields of v, which encodes to a JSON object, into the object under key, and keeps the fields there
// that v does not have. It is how a record is written without losing what another program added to it.
func (d *Doc) Merge(key string, v any) error {
	var tmp Doc
	if err := tmp.Set(key, v); err != nil {
		return err
	}
	fresh, err := tmp.Object(key)
	if err != nil {
		return err
	}
	old, err := d.Object(key)
	if err != nil {
		return err
	}
	for _, k := range fresh.keys {
		if err := old.Set(k, fresh.values[k]); err != nil {
			return err
		}
	}
	return d.Set(key, old)
}

// Delete removes a key and reports whether it was there.
func (d *Doc) Delete(key string) bool {
	if !d.Has(key) {
		return false
	}
	delete(d.values, key)
	d.keys = slices.DeleteFunc(d.keys, func(k string) bool { return k == key })
	return true
}

// MarshalJSON implements json.Marshaler.
func (d *Doc) MarshalJSON() ([]byte, error) { return d.encode(), nil }

// encode writes the object indented by two spaces, one newline at the end.
func (d *Doc) encode() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range d.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(k))
		b.WriteByte(':')
		b.Write(d.values[k])
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		panic("jsonfile: a value that was valid is not: " + err.Error()) // cannot be: every value was parsed or encoded
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string into memory cannot fail
	return bytes.TrimSpace(b.Bytes())
}

// parse reads the object. Blank text is an empty object. A key that stands there twice is an error: one of the two
// would be lost on the next write.
func parse(path string, data []byte) (*Doc, error) {
	text := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Windows' Notepad puts it there
	corrupt := func(offset int, reason string) error {
		line, col := position(text, offset)
		return &Error{Path: path, Line: line, Column: col, Reason: reason, Do: "mend it there, or move the file away", Err: ErrCorrupt}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &Doc{}, nil
	}
	if bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff}) {
		return nil, corrupt(0, "it is saved as UTF-16; save it as UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		offset := len(text)
		if se, ok := errors.AsType[*json.SyntaxError](err); ok && !unexpectedEnd(err) {
			offset = int(se.Offset) - 1
		}
		return nil, corrupt(offset, describe(text, offset, err))
	}
	start := bytes.IndexFunc(text, func(r rune) bool { return !unicode.IsSpace(r) })
	if text[start] != '{' {
		return nil, corrupt(start, "there must be a JSON object, in braces")
	}
	doc := &Doc{values: map[string]json.RawMessage{}}
	dec := json.NewDecoder(bytes.NewReader(text))
	_, _ = dec.Token() // the brace; all of it was seen to be valid
	for dec.More() {
		token, err := dec.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, corrupt(int(dec.InputOffset()), "this is not valid JSON")
		}
		if doc.Has(key) {
			return nil, corrupt(int(dec.InputOffset())-1, fmt.Sprintf("the key %q stands there twice; keep one of them", key))
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, corrupt(int(dec.InputOffset()), "this is not valid JSON")
		}
		doc.keys = append(doc.keys, key)
		doc.values[key] = raw
	}
	return doc, nil
}

// describe says what is wrong at offset. It quotes punctuation only: a letter might be of a secret.
func describe(text []byte, offset int, err error) string {
	rest := bytes.TrimSpace(text[min(max(offset, 0), len(text)):])
	if len(rest) == 0 || unexpectedEnd(err) {
		return "it ends in the middle: a brace or a quotation mark is not closed"
	}
	r, _ := utf8.DecodeRune(rest)
	if strings.ContainsRune("{}[],:'", r) {
		return fmt.Sprintf("this is not valid JSON: there should be no %q", r)
	}
	return "this is not valid JSON: a quotation mark or a comma is missing before it, or one too many is"
}

func unexpectedEnd(err error) bool { return strings.Contains(err.Error(), "unexpected end") }

// position turns an offset into a line and a column, both from 1.
func position(text []byte, offset int) (line, col int) {
	offset = min(max(offset, 0), len(text))
	before := text[:offset]
	return bytes.Count(before, []byte("\n")) + 1, offset - bytes.LastIndexByte(before, '\n')
}
