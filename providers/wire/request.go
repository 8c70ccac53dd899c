package wire

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"chatgateway/providers"
)

// HasImage reports whether a request holds an image.
func HasImage(req providers.Request) bool {
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			if p.Blob != nil && IsImage(*p.Blob) {
				return true
			}
		}
	}
	return false
}

// IsImage reports whether a blob is an image.
func IsImage(b providers.Blob) bool { return strings.HasPrefix(b.Type, "image/") }

// FileText gives a file that is text as the text to send; ok is false for any other.
func FileText(b providers.Blob) (text string, ok bool) {
	t, _, _ := strings.Cut(b.Type, ";")
	switch {
	case strings.HasPrefix(t, "text/"):
	case t == "application/json", t == "application/xml", t == "application/yaml", t == "application/toml", t == "application/x-yaml":
	default:
		return "", false
	}
	if !utf8.Valid(b.Data) {
		return "", false
	}
	name := b.Name
	if name == "" {
		name = "file"
	}
	return fmt.Sprintf("[%s]\n%s", name, b.Data), true
}

// FileName gives a PDF's name, or one for it.
func FileName(b providers.Blob) string {
	if b.Name != "" {
		return b.Name
	}
	return "file.pdf"
}

// DataURL gives a blob as a data: URL.
func DataURL(b providers.Blob) string {
	return "data:" + b.Type + ";base64," + base64.StdEncoding.EncodeToString(b.Data)
}

// Args makes the arguments of a call of what a service streamed: "" is {}, and what is no JSON object is put into one,
// so that the tool can refuse it and the request can be sent again.
func Args(s string) json.RawMessage {
	s = strings.TrimSpace(s)
	var object map[string]json.RawMessage
	switch {
	case s == "" || s == "null":
		return json.RawMessage("{}")
	case json.Unmarshal([]byte(s), &object) == nil:
		return json.RawMessage(s)
	}
	b, _ := json.Marshal(map[string]string{"invalid_arguments": s})
	return b
}

// CallID makes an id of a call, made by whatever service, one that every service takes: up to 64 letters, digits, "_"
// and "-".
func CallID(id string) string {
	id = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, id)
	return id[:min(len(id), 64)]
}

// NewCallID makes an id for a call whose service gave none.
func NewCallID() string { return "call_" + rand.Text() }

// Blank reports whether a text shows nothing; some services refuse such.
func Blank(s string) bool { return strings.TrimSpace(s) == "" }

// Schema gives a tool's schema; a tool without one takes no arguments.
func Schema(t providers.Tool) json.RawMessage {
	if len(t.Schema) == 0 {
		return json.RawMessage(`{"type":"object","properties":{}}`)
	}
	return t.Schema
}
