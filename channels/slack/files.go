package slack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

const (
	fetchTime = 2 * time.Minute
	userAgent = "chatgateway (+https://docs.slack.dev/apis)"
)

// wireFile is a file that came with a message.
type wireFile struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"mimetype"`
	Size int64  `json:"size"`
	Mode string `json:"mode"`
}

// share is a message that was passed on with another. What Slack shows of a link is none.
type share struct {
	Shared bool       `json:"is_share"`
	Text   string     `json:"text"`
	Author string     `json:"author_name"`
	Files  []wireFile `json:"files"`
}

// shared are the messages that were passed on, as files: nobody gives an order by showing what somebody else wrote.
func (c *channel) shared(ctx context.Context, shares []share, me string) (list []channels.Attachment) {
	for _, s := range shares {
		if !s.Shared {
			continue
		}
		name := "a shared message"
		if s.Author != "" {
			name += ", by " + adapter.Clip(s.Author, 80)
		}
		if text := plain(s.Text, me, func(id string) string { return c.people.name(ctx, id) }); text != "" {
			list = append(list, channels.AsText(name, text))
		}
		list = append(list, c.attachments(s.Files)...)
	}
	return list
}

// attachments lists files. Their Ref is Slack's id: the address is asked for when the file is read.
func (c *channel) attachments(files []wireFile) (list []channels.Attachment) {
	for _, f := range files {
		a := channels.Attachment{Name: f.Name, Type: f.Type, Size: f.Size, Ref: f.ID}
		switch {
		case f.Mode == "external":
			a.Ref, a.Note = "", "it is kept outside of Slack"
		case f.Mode == "tombstone" || f.Mode == "hidden_by_limit":
			a.Ref, a.Note = "", "Slack has it no more"
		case f.Size > c.fileMax():
			a.Ref, a.Note = "", fmt.Sprintf("it is larger than %d MB", c.set.AttachmentLimit)
		case !idShape.MatchString(f.ID):
			a.Ref, a.Note = "", "Slack did not say where it is"
		}
		list = append(list, a)
	}
	return list
}

// Fetch implements channels.Fetcher. The token is sent to Slack's own hosts alone.
func (c *channel) Fetch(ctx context.Context, _ channels.ConversationID, ref string) (io.ReadCloser, error) {
	if !idShape.MatchString(ref) {
		return nil, errors.New("slack: fetch: this names no file of Slack's")
	}
	var f *slackgo.File
	err := c.do(ctx, call{what: "fetch", method: "files.info"}, func(ctx context.Context, api *slackgo.Client) (err error) {
		f, _, _, err = api.GetFileInfoContext(ctx, ref, 0, 0)
		return err
	})
	if is(err, "file_not_found", "file_deleted", "channel_canvas_deleted") {
		return nil, fmt.Errorf("slack: fetch: the file was removed: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	if int64(f.Size) > c.fileMax() {
		return nil, tooLarge(c.set.AttachmentLimit)
	}
	return c.download(ctx, first(f.URLPrivateDownload, f.URLPrivate), f.Mimetype)
}

func (c *channel) download(ctx context.Context, address, kind string) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil || !c.ours(u) {
		return nil, errors.New("slack: fetch: the file is not on a host of Slack's")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("slack: fetch: %w", bare(err))
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Authorization", "Bearer "+c.botToken().Reveal())
	res, err := c.http.Do(req)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("slack: fetch: %w", bare(err))
	}
	if res.StatusCode != http.StatusOK {
		cancel()
		return nil, errors.Join(&apiError{what: "fetch", status: res.StatusCode}, res.Body.Close())
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") && !strings.HasPrefix(kind, "text/html") {
		cancel() // Slack's sign-in page
		return nil, errors.Join(&apiError{what: "fetch", code: "missing_scope", needed: "files:read"}, res.Body.Close())
	}
	return adapter.Limited(res.Body, c.fileMax(), tooLarge(c.set.AttachmentLimit), cancel), nil
}

// upload sends a post and then its files; its id is the post's, or the last file's where there is no text.
func (c *channel) upload(ctx context.Context, p channels.Post, files []channels.File) (last channels.MessageID, err error) {
	to, err := parseConversation(p.To)
	if err != nil {
		return "", err
	}
	if p.Only != "" && !to.dm {
		return "", unsupported("files cannot be shown to one person alone")
	}
	if p.Text != "" || len(p.Choices) > 0 || len(files) == 0 {
		if last, err = c.show(ctx, p, nil); err != nil {
			return "", err
		}
	}
	var list []slackgo.FileSummary
	for _, f := range files {
		if len(f.Data) == 0 {
			return last, unsupported("a file that is empty")
		}
		var at *slackgo.GetUploadURLExternalResponse
		name := first(f.Name, "file")
		err := c.do(ctx, call{what: "upload", method: "files.getUploadURLExternal"}, func(ctx context.Context, api *slackgo.Client) (err error) {
			at, err = api.GetUploadURLExternalContext(ctx, slackgo.GetUploadURLExternalParameters{FileName: name, FileSize: len(f.Data)})
			return err
		})
		if err == nil {
			err = c.put(ctx, at.UploadURL, f.Data)
		}
		if err != nil {
			return last, err
		}
		list = append(list, slackgo.FileSummary{ID: at.FileID, Title: name})
	}
	if len(list) == 0 {
		return last, nil
	}
	err = c.do(ctx, call{what: "upload", method: "files.completeUploadExternal", once: true}, func(ctx context.Context, api *slackgo.Client) error {
		_, err := api.CompleteUploadExternalContext(ctx, slackgo.CompleteUploadExternalParameters{Files: list, Channel: to.channel, ThreadTimestamp: to.thread})
		return err
	})
	if err == nil && last == "" {
		last = channels.MessageID(fileMark + list[len(list)-1].ID)
	}
	return last, err
}

// put sends a file's bytes to the address that Slack gave for them. No token goes with them.
func (c *channel) put(ctx context.Context, address string, data []byte) error {
	u, err := url.Parse(address)
	if err != nil || !c.ours(u) {
		return errors.New("slack: upload: Slack named no host of its own to send the file to")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("slack: upload: %w", bare(err))
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := c.http.Do(req)
	if err != nil {
		return &apiError{what: "upload", err: bare(err)}
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		return &apiError{what: "upload", status: res.StatusCode, err: err}
	}
	return nil
}

func (c *channel) fileMax() int64 { return int64(c.set.AttachmentLimit) << 20 }

// ours reports whether a file's address is one of Slack's, or below api_base.
func (c *channel) ours(u *url.URL) bool {
	if u.Scheme == c.base.Scheme && u.Host == c.base.Host {
		return true
	}
	host := u.Hostname()
	return u.Scheme == "https" && u.User == nil && u.Port() == "" && (host == "slack.com" || strings.HasSuffix(host, ".slack.com"))
}

func tooLarge(mb int) error { return fmt.Errorf("slack: fetch: the file is larger than %d MB", mb) }
