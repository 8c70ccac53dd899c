package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"chatgateway/channels"
	"chatgateway/internal/lazyregexp"
)

// upload is a file as the browser sends it: within the request, in base64.
type upload struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"`
}

// file is a file of a message. Its ID is made of what it holds; it has nothing of the name in it.
type file struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
}

var filePattern = lazyregexp.New(`^[0-9a-f]{32}$`)

// pictures are the types that the page shows; they are told by the content.
var pictures = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// keepFile keeps a file of a conversation.
func (b *book) keepFile(t *talk, name, kind string, data []byte) (file, error) {
	sum := sha256.Sum256(data)
	f := file{ID: hex.EncodeToString(sum[:16]), Name: cleanName(name), Type: cleanType(kind, data), Size: int64(len(data))}
	path := t.filePath(f.ID)
	if path == "" {
		return f, nil
	}
	if info, err := os.Lstat(path); err == nil && info.Size() == f.Size {
		return f, nil
	}
	return f, writeOwn(path, data)
}

// filePath says where a file is kept; "" if nothing is, or the id is not ours.
func (t *talk) filePath(id string) string {
	if t.file.path == "" || !filePattern.MatchString(id) {
		return ""
	}
	return filepath.Join(strings.TrimSuffix(t.file.path, suffix)+".files", id)
}

// file serves a file of a message. Only pictures are shown; everything else is offered to be saved, and nothing in it
// runs.
func (s *server) file(w http.ResponseWriter, r *http.Request) {
	t, err := s.ch.book.of(who(r), channels.ConversationID(r.PathValue("id")), false)
	if err != nil {
		s.fail(w, "file", err)
		return
	}
	f, ok := s.ch.book.findFile(t, r.PathValue("file"))
	data, err := readFile(t, f.ID)
	if !ok || errors.Is(err, fs.ErrNotExist) {
		refuse(w, http.StatusNotFound, "This file is not there any more.")
		return
	}
	if err != nil {
		s.fail(w, "file", err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	if !slices.Contains(pictures, f.Type) {
		h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(f.Name))
		h.Set("Content-Type", "application/octet-stream")
	}
	_, _ = w.Write(data) // the browser is gone
}

func readFile(t *talk, id string) ([]byte, error) {
	path := t.filePath(id)
	if path == "" {
		return nil, fs.ErrNotExist
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return data, nil
}

// findFile finds a file among the messages of a conversation.
func (b *book) findFile(t *talk, id string) (file, bool) {
	if b.hold(t) != nil {
		return file{}, false
	}
	defer b.mu.Unlock()
	for _, e := range t.entries {
		for _, f := range e.Files {
			if f.ID == id {
				return f, true
			}
		}
	}
	return file{}, false
}

// cleanName makes a name of what the browser says, for people to read: it is never a path.
func cleanName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > 120 {
		s = string(r[:80]) + "…" + string(r[len(r)-39:])
	}
	if strings.Trim(s, ".") == "" {
		return "file"
	}
	return s
}

// cleanType gives the type of a file: a picture's is what the content says, another's what the browser says.
func cleanType(kind string, data []byte) string {
	if seen := http.DetectContentType(data); strings.HasPrefix(seen, "image/") {
		return seen
	}
	t, _, err := mime.ParseMediaType(kind)
	if err != nil || strings.HasPrefix(t, "image/") {
		return "application/octet-stream"
	}
	return t
}

// webURL gives a URL if it leads to a page of the web, else "".
func webURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return s
}
