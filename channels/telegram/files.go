package telegram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"chatgateway/channels"
	"chatgateway/markdown"
)

const (
	maxCaption = 1024     // UTF-16 code units
	maxPhoto   = 10 << 20 // bytes
)

// Upload implements channels.Uploader. The text is the first file's caption if it is short enough, else a message
// before it. Pictures are shown as such, everything else is a document.
func (c *channel) Upload(ctx context.Context, p channels.Post, files []channels.File) (id channels.MessageID, err error) {
	to, err := parseTarget(p.To)
	if err != nil {
		return "", err
	}
	if !to.seenBy(p.Only) {
		return "", fmt.Errorf("telegram: a file in a group for one person alone: %w", errors.ErrUnsupported)
	}
	keys, err := buttons(p.Choices)
	if err != nil {
		return "", err
	}
	caption := linked(p)
	if len(files) == 0 || markdown.TelegramLen(caption) > maxCaption {
		if id, err = c.Send(ctx, p); err != nil || len(files) == 0 {
			return id, err
		}
		caption, keys = "", ""
	}
	for i, f := range files {
		params := to.params()
		if i == 0 {
			to.answer(params, p.Answers)
		} else {
			caption = ""
		}
		if i == len(files)-1 && keys != "" {
			params["reply_markup"] = keys
		}
		if id, err = c.sendFile(ctx, to, params, caption, f); err != nil {
			return "", err
		}
	}
	return id, nil
}

func (c *channel) sendFile(ctx context.Context, to target, params tgbotapi.Params, caption string, f channels.File) (channels.MessageID, error) {
	if caption != "" {
		params["caption"], params["parse_mode"] = markdown.Telegram(caption), tgbotapi.ModeHTML
	}
	method, field := "sendDocument", "document"
	if picture(f) {
		method, field = "sendPhoto", "photo"
	}
	var m sentMessage
	err := c.write(ctx, to.chat, false, func(_ context.Context, chat int64) error {
		ctx, cancel := context.WithTimeout(ctx, uploadTime) // files take longer than a call
		defer cancel()
		params["chat_id"] = itoa(chat)
		send := func() error {
			file := tgbotapi.RequestFile{Name: field, Data: tgbotapi.FileBytes{Name: orElse(f.Name, "file"), Bytes: f.Data}}
			return c.api(c.sends).upload(ctx, method, params, []tgbotapi.RequestFile{file}, &m)
		}
		err := send()
		r := (*reply)(nil)
		if errors.As(err, &r) && r.code == http.StatusBadRequest && r.says("can't parse entities") {
			params["caption"] = markdown.Plain(caption)
			delete(params, "parse_mode")
			err = send()
		}
		if errors.As(err, &r) && method == "sendPhoto" && r.says("image_process_failed", "photo_") {
			method, field = "sendDocument", "document" // it is sent as it is, then
			err = send()
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("telegram: send a file: %w", err)
	}
	return m.id(), nil
}

func picture(f channels.File) bool {
	switch f.Type {
	case "image/jpeg", "image/png", "image/webp":
		return len(f.Data) <= maxPhoto
	}
	return false
}

// Fetch implements channels.Fetcher.
func (c *channel) Fetch(ctx context.Context, _ channels.ConversationID, ref string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	resp, err := c.api(c.sends).fetch(ctx, ref)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("telegram: fetch: %w", err)
	}
	most := int64(c.set.AttachmentLimit) << 20
	if resp.ContentLength > most {
		cancel()
		return nil, errors.Join(errTooLarge, resp.Body.Close())
	}
	return &limited{body: resp.Body, left: most, cancel: cancel}, nil
}

var errTooLarge = &failure{err: errors.New("telegram: the file is too large"), say: "The file is larger than is taken here."}

// limited is a file that fails where it is longer than it may be.
type limited struct {
	body   io.ReadCloser
	left   int64
	cancel context.CancelFunc
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.body.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, errTooLarge
	}
	return n, err //nolint:wrapcheck // io.EOF must come as it is
}

func (l *limited) Close() error {
	l.cancel()
	return l.body.Close() //nolint:wrapcheck // nothing to add
}
