package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"sync"
	"time"
)

// files of the page: plain HTML, CSS and ES modules, as they are written.
//
//go:embed page
var pageFiles embed.FS

// pageTag tells one edition of the page from another, for the browser's cache.
var pageTag = sync.OnceValue(func() string {
	sum := sha256.New()
	names, _ := pageFiles.ReadDir("page") // embedded: it is there
	for _, n := range names {
		data, _ := pageFiles.ReadFile("page/" + n.Name())
		_, _ = sum.Write(data)
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:8]) + `"`
})

var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func (s *server) page(w http.ResponseWriter, r *http.Request) { asset(w, r, "index.html") }

func (s *server) asset(w http.ResponseWriter, r *http.Request) { asset(w, r, r.PathValue("file")) }

// asset serves a file of the page. It is the same for everybody and holds nothing of anybody.
func asset(w http.ResponseWriter, r *http.Request, name string) {
	data, err := pageFiles.ReadFile("page/" + path.Base(name))
	kind := pageTypes[path.Ext(name)]
	if err != nil || kind == "" {
		refuse(w, http.StatusNotFound, "There is no such page.")
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", pageTag())
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}
