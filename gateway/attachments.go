package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"chatgateway/channels"
	"chatgateway/providers"
	"chatgateway/store"
)

// textLimit is how much of a text file goes to the model.
const textLimit = 200 << 10

// attached turns the files of a message into parts: images as they are, text files as text, anything else as a
// sentence that says what was there. A file that cannot be had never loses the message.
func (g *Gateway) attached(ctx context.Context, conv store.Conv, m channels.Message) (parts []providers.Part) {
	for _, a := range m.Attachments {
		name := a.Name
		if name == "" {
			name = "a file"
		}
		if a.Note != "" {
			parts = append(parts, providers.Part{Text: fmt.Sprintf("[%s was sent and is not here: %s]", name, a.Note)})
			continue
		}
		data, err := g.fetch(ctx, conv, a)
		if err != nil {
			g.log.Warn("attachment not fetched", "account", string(conv.Account), "err", err)
			parts = append(parts, providers.Part{Text: fmt.Sprintf("[%s was sent and could not be fetched]", name)})
			continue
		}
		parts = append(parts, asPart(name, a.Type, data))
	}
	return parts
}

// asPart makes a part of a file. What it is, is read from its bytes; the sender's word for it decides nothing.
func asPart(name, said string, data []byte) providers.Part {
	kind := http.DetectContentType(data)
	switch {
	case strings.HasPrefix(kind, "image/"), kind == "application/pdf":
		return providers.Part{Blob: &providers.Blob{Type: kind, Name: name, Data: data}}
	case utf8.Valid(data):
		text := string(data)
		if len(text) > textLimit {
			text = strings.ToValidUTF8(text[:textLimit], "") + "\n[cut]"
		}
		return providers.Part{Text: fmt.Sprintf("File %s:\n```\n%s\n```", name, text)}
	}
	return providers.Part{Text: fmt.Sprintf("[%s was sent: %s, %d bytes, which I cannot read]", name, said, len(data))}
}

// fetch reads a file, bounded in size and time.
func (g *Gateway) fetch(ctx context.Context, conv store.Conv, a channels.Attachment) ([]byte, error) {
	limit := g.settings.Load().Attachment
	if a.Data != nil || a.Ref == "" {
		if int64(len(a.Data)) > limit {
			return nil, fmt.Errorf("larger than %d bytes", limit)
		}
		return a.Data, nil
	}
	f, ok := g.account(conv.Account).channel().(channels.Fetcher)
	if !ok {
		return nil, fmt.Errorf("%s has no files", conv.Account)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := f.Fetch(ctx, conv.Conversation, a.Ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("larger than %d bytes", limit)
	}
	return data, err
}
