package channels

import (
	"strings"

	"chatgateway/internal/secret"
)

// NoOrder takes what a person passes on and did not write, unless it looks like a command: then it is a file beside their
// message, without what looks like a key in it. Nobody gives an order by showing what somebody else wrote.
func NoOrder(text string) (string, []Attachment) {
	if !strings.HasPrefix(strings.TrimSpace(text), "/") {
		return text, nil
	}
	return "", []Attachment{AsText("a forwarded message", text)}
}

// AsText is a text beside a message's own, without what looks like a key in it.
func AsText(name, text string) Attachment {
	text = secret.Redact(text)
	return Attachment{Name: name, Type: "text/plain", Size: int64(len(text)), Data: []byte(text)}
}
