package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parse reads a JSON object, or JSON5 as far as people write it: comments, commas too many, keys without quotation
// marks, texts in single ones. Its error holds nothing of the file.
func parse(data []byte) (object, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var doc object
	if json.Unmarshal(data, &doc) == nil && doc != nil {
		return doc, nil
	}
	if json.Unmarshal(plain(data), &doc) == nil && doc != nil {
		return doc, nil
	}
	return nil, errors.New("it holds no JSON object")
}

// plain makes JSON of JSON5. What it does not know it leaves, and the parser refuses it.
func plain(data []byte) []byte {
	var out bytes.Buffer
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '"' || c == '\'':
			text, n := quoted(data[i:])
			out.WriteString(text)
			i += n
		case bytes.HasPrefix(data[i:], []byte("//")):
			i += lineEnd(data[i:])
		case bytes.HasPrefix(data[i:], []byte("/*")):
			end := bytes.Index(data[i+2:], []byte("*/"))
			if end < 0 {
				return out.Bytes()
			}
			i += end + 4
		case c == ',' && closes(data[i+1:]):
			i++
		case c == '_' || c == '$' || unicode.IsLetter(rune(c)):
			n := word(data[i:])
			name := string(data[i : i+n])
			if name == "true" || name == "false" || name == "null" {
				out.WriteString(name)
			} else {
				out.WriteString(`"` + name + `"`)
			}
			i += n
		case c == '-' || c >= '0' && c <= '9':
			n := 1
			for i+n < len(data) && strings.IndexByte("0123456789.eE+-", data[i+n]) >= 0 {
				n++
			}
			out.Write(data[i : i+n])
			i += n
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.Bytes()
}

// quoted reads a text in either kind of quotation marks and gives it as JSON's, and its length.
func quoted(data []byte) (string, int) {
	mark := data[0]
	var b strings.Builder
	b.WriteByte('"')
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == mark:
			b.WriteByte('"')
			return b.String(), i + 1
		case c == '\\' && i+1 < len(data):
			i++
			if data[i] == '\'' {
				b.WriteByte('\'')
			} else {
				b.WriteByte('\\')
				b.WriteByte(data[i])
			}
		case c == '"':
			b.WriteString(`\"`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(data)
}

func lineEnd(data []byte) int {
	if n := bytes.IndexByte(data, '\n'); n >= 0 {
		return n
	}
	return len(data)
}

// closes reports whether what follows a comma is the end of an object or a list.
func closes(data []byte) bool {
	for len(data) > 0 {
		switch {
		case bytes.HasPrefix(data, []byte("//")):
			data = data[lineEnd(data):]
		case bytes.HasPrefix(data, []byte("/*")):
			end := bytes.Index(data[2:], []byte("*/"))
			if end < 0 {
				return false
			}
			data = data[end+4:]
		case data[0] == '}' || data[0] == ']':
			return true
		default:
			r, n := utf8.DecodeRune(data)
			if !unicode.IsSpace(r) {
				return false
			}
			data = data[n:]
		}
	}
	return false
}

func word(data []byte) int {
	n := 0
	for n < len(data) && (data[n] == '_' || data[n] == '$' || data[n] >= '0' && data[n] <= '9' || unicode.IsLetter(rune(data[n]))) {
		n++
	}
	return n
}
