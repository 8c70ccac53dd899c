package gateway

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/gif"  // image.DecodeConfig reads its size
	_ "image/jpeg" // the same
	_ "image/png"  // the same
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chatgateway/channels"
	"chatgateway/providers"
	"chatgateway/store"
)

// Bounds of what goes to a model of a message's files.
const (
	textLimit  = 200 << 10  // bytes of a text file
	filesLimit = 20         // files of one message
	pixelLimit = 64_000_000 // of an image; a small file may hold a huge one
	nameLimit  = 100        // runes of a file's name
)

// attached turns the files of a message into parts: images as they are, text files as text, anything else as a
// sentence that says what was there. A file that cannot be had never loses the message.
func (g *Gateway) attached(ctx context.Context, conv store.Conv, m channels.Message) (parts []providers.Part) {
	for n, a := range m.Attachments {
		if n == filesLimit {
			return append(parts, providers.Part{Text: fmt.Sprintf("[%d more files were sent; only the first %d were taken]", len(m.Attachments)-n, n)})
		}
		name := fileName(a.Name)
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

// imageKinds are the images that models take.
var imageKinds = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// fileName makes a name that can be shown of the one that the sender gave: no path, no line breaks, not long.
func fileName(said string) string {
	said = path.Base(strings.ReplaceAll(strings.ToValidUTF8(said, ""), `\`, "/"))
	said = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, said))
	if r := []rune(said); len(r) > nameLimit {
		said = string(r[:nameLimit]) + "…"
	}
	if said == "" || said == "." || said == ".." || said == "/" {
		return "a file"
	}
	return said
}

// asPart makes a part of a file. What it is, is read from its bytes; the sender's word for it decides nothing.
func asPart(name, said string, data []byte) providers.Part {
	kind := http.DetectContentType(data)
	switch {
	case slices.Contains(imageKinds, kind):
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > pixelLimit {
			return providers.Part{Text: fmt.Sprintf("[%s was sent: an image of %d × %d pixels, which is too large]", name, c.Width, c.Height)}
		}
		fallthrough
	case kind == "application/pdf":
		return providers.Part{Blob: &providers.Blob{Type: kind, Name: name, Data: data}}
	case utf8.Valid(data):
		text := string(data)
		if len(text) > textLimit {
			text = strings.ToValidUTF8(text[:textLimit], "") + "\n[cut]"
		}
		return providers.Part{Text: fmt.Sprintf("File %s:\n```\n%s\n```", name, text)}
	}
	return providers.Part{Text: fmt.Sprintf("[%s was sent: %s, %d bytes, which I cannot read]", name, fileName(said), len(data))}
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

// textOf joins the texts of several messages; with several senders each is named.
func textOf(items []store.Item, named bool) string {
	var b strings.Builder
	for n, i := range items {
		if n > 0 {
			b.WriteString("\n\n")
		}
		if named && i.Message.FromName != "" {
			b.WriteString(i.Message.FromName + ": ")
		}
		b.WriteString(i.Message.Text)
	}
	return b.String()
}

// severalPeople reports whether the messages are of more than one person.
func severalPeople(items []store.Item) bool {
	return slices.ContainsFunc(items, func(i store.Item) bool { return i.Message.From != items[0].Message.From })
}
