package discord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatgateway/channels"
	"chatgateway/internal/adapter"
)

const fetchTime = 2 * time.Minute

// Fetch implements channels.Fetcher. The message is read again, for the addresses that Discord gives out end after a
// day; the file is read without the token, and from Discord's own hosts alone.
func (c *channel) Fetch(ctx context.Context, _ channels.ConversationID, ref string) (io.ReadCloser, error) {
	ids := strings.Split(ref, "/")
	for _, id := range ids {
		if _, ok := snowflake(id); !ok || len(ids) != 3 {
			return nil, errors.New("discord: fetch: this names no file of Discord's")
		}
	}
	var m wireMessage
	err := c.rest.do(ctx, call{what: "fetch", method: "GET", path: "/channels/" + ids[0] + "/messages/" + ids[1], route: "/channels/#/messages/#", major: ids[0]}, &m)
	if err != nil {
		return nil, err
	}
	files := m.Attachments
	for _, s := range m.Snapshots {
		files = append(files, s.Message.Attachments...)
	}
	for _, f := range files {
		if f.ID == ids[2] {
			return c.download(ctx, f)
		}
	}
	return nil, fmt.Errorf("discord: fetch: the file was removed: %w", errors.ErrUnsupported)
}

func (c *channel) download(ctx context.Context, f wireAttachment) (io.ReadCloser, error) {
	if f.Size > c.fileMax() {
		return nil, tooLarge(c.set.AttachmentLimit)
	}
	u, err := url.Parse(f.URL)
	if err != nil || !c.ours(u) {
		return nil, errors.New("discord: fetch: the file is not on a host of Discord's")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("discord: fetch: %w", c.rest.bare(err))
	}
	req.Header.Set("User-Agent", userAgent)
	// RoundTrip, not a client: it follows no redirect away from Discord.
	res, err := c.next.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("discord: fetch: %w", c.rest.bare(err))
	}
	if res.StatusCode != http.StatusOK {
		cancel()
		return nil, errors.Join(&apiError{what: "fetch", status: res.StatusCode}, res.Body.Close())
	}
	return adapter.Limited(res.Body, c.fileMax(), tooLarge(c.set.AttachmentLimit), cancel), nil
}

func (c *channel) fileMax() int64 { return int64(c.set.AttachmentLimit) << 20 }

// ours reports whether a file's address is one of Discord's, or below cdn_base.
func (c *channel) ours(u *url.URL) bool {
	if c.cdn != nil && u.Scheme == c.cdn.Scheme && u.Host == c.cdn.Host {
		return true
	}
	host := u.Hostname()
	return u.Scheme == "https" && (host == "cdn.discordapp.com" || host == "media.discordapp.net" || host == "cdn.discord.com")
}

func tooLarge(mb int) error { return fmt.Errorf("discord: fetch: the file is larger than %d MB", mb) }
