package slacktest

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

type file struct {
	id, name, kind, user string
	size                 int
	data                 []byte
	url                  string
	done                 bool
}

func (f *file) wire() object {
	return object{"id": f.id, "name": f.name, "title": f.name, "mimetype": f.kind, "size": len(f.data), "mode": "hosted", "user": f.user,
		"url_private": f.url, "url_private_download": f.url}
}

// keepFile keeps a person's file. s.mu is held.
func (s *Server) keepFile(user string, in File) *file {
	f := &file{id: s.id("F"), name: in.Name, kind: in.Type, user: user, data: in.Data, done: true}
	f.url = s.URL + "/download/" + f.id
	s.files[f.id] = f
	return f
}

// MoveFile says that a file is at another address.
func (s *Server) MoveFile(id, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[id].url = address
}

func (s *Server) uploadURL(a args) (object, error) {
	n, err := strconv.Atoi(a["length"])
	if err != nil || n <= 0 || a["filename"] == "" {
		return nil, no("invalid_arguments")
	}
	f := &file{id: s.id("F"), name: a["filename"], user: BotUser, size: n}
	f.url = s.URL + "/download/" + f.id
	s.files[f.id] = f
	return object{"upload_url": s.URL + "/upload/" + f.id, "file_id": f.id}, nil
}

func (s *Server) completeUpload(a args) (object, error) {
	var list []struct{ ID, Title string }
	if json.Unmarshal(a.raw("files"), &list) != nil || len(list) == 0 {
		return nil, no("invalid_arguments")
	}
	r, err := s.room(a["channel_id"])
	if err != nil {
		return nil, err
	}
	m := &message{user: BotUser, text: a["initial_comment"], thread: a["thread_ts"]}
	var out []object
	for _, l := range list {
		f := s.files[l.ID]
		if f == nil || len(f.data) != f.size {
			return nil, no("file_not_found")
		}
		f.done = true
		m.files = append(m.files, f)
		out = append(out, object{"id": f.id, "title": l.Title})
	}
	s.post(r, m)
	return object{"files": out}, nil
}

func (s *Server) fileInfo(a args) (object, error) {
	f := s.files[a["file"]]
	if f == nil || !f.done {
		return nil, no("file_not_found")
	}
	return object{"file": f.wire(), "content": ""}, nil
}

// body reads a file that is sent as it is, or as the one part of a form.
func body(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return io.ReadAll(r.Body)
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	part, err := parts.NextPart()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(part)
}

// serveFile takes files in, and gives them out to those who bring the token. Others get the page to sign in at.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	data, err := body(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	switch {
	case f == nil || err != nil:
		http.NotFound(w, r)
	case r.Method == http.MethodPost && f.user == BotUser && !f.done:
		f.data = data
		_, _ = w.Write([]byte("OK - " + strconv.Itoa(len(data))))
	case r.Header.Get("Authorization") != "Bearer "+BotToken || !strings.Contains(s.scopes, "files:read"):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<html>Sign in to Slack</html>"))
	default:
		w.Header().Set("Content-Type", f.kind)
		_, _ = w.Write(f.data)
	}
}
