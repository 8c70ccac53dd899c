package discord

import (
	"net/http"
	"net/url"
	"testing"
)

// redirects sends every request elsewhere and counts what it was asked for.
type redirects struct{ asked int }

// RoundTrip implements http.RoundTripper.
func (r *redirects) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked++
	return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://evil.example/x"}}, Body: http.NoBody, Request: req}, nil
}

// TestFilesAreNotFetchedElsewhere: whatever address Discord gives for a file, only its own hosts and cdn_base are asked,
// once, and where they send us to is not.
func TestFilesAreNotFetchedElsewhere(t *testing.T) {
	for address, asked := range map[string]int{
		"https://cdn.discordapp.com/attachments/1/2/a.png":   1,
		"https://media.discordapp.net/attachments/1/2/a.png": 1,
		"https://cdn.discord.com/attachments/1/2/a.png":      1,
		"http://127.0.0.1:4000/a.png":                        1,
		"https://127.0.0.1:4000/a.png":                       0,
		"http://127.0.0.1:4001/a.png":                        0,
		"http://cdn.discordapp.com/attachments/1/2/a.png":    0,
		"file://cdn.discordapp.com/etc/passwd":               0,
		"https://cdn.discordapp.com.evil.example/a.png":      0,
		"https://evil-cdn.discordapp.com/a.png":              0,
		"https://cdn.discordapp.com@evil.example/a.png":      0,
		"https://evil.example/cdn.discordapp.com":            0,
		"https://169.254.169.254/latest":                     0,
		"":                                                   0,
	} {
		r := &redirects{}
		c := &channel{next: r, set: &Settings{AttachmentLimit: 1}, cdn: &url.URL{Scheme: "http", Host: "127.0.0.1:4000"}}
		if _, err := c.download(t.Context(), wireAttachment{URL: address}); err == nil || r.asked != asked {
			t.Errorf("%q: %d requests, want %d; %v", address, r.asked, asked, err)
		}
		if _, err := c.download(t.Context(), wireAttachment{URL: address, Size: 1<<20 + 1}); err == nil || r.asked != asked {
			t.Errorf("%q: asked for a file that is too large; %v", address, err)
		}
	}
}
