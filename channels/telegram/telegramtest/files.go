package telegramtest

import (
	"encoding/base64"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDownload = 20 << 20 // what getFile gives
	maxPhoto    = 10 << 20
	maxUpload   = 50 << 20
)

// stored is a file the service keeps.
type stored struct {
	File
	data []byte
	path string
}

// keep stores a file and gives what messages say of it. The lock is held.
func (s *Server) keep(u Upload, folder string) File {
	s.lastID++
	id := base64.RawURLEncoding.EncodeToString([]byte("file-" + itoa(s.lastID) + "-of-the-fake"))
	f := &stored{data: u.Data, path: folder + "/file_" + itoa(s.lastID) + path.Ext(u.Name)}
	f.File = File{ID: id, UniqueID: "AQAD" + itoa(s.lastID), Size: u.Size, Name: u.Name, Type: u.Type}
	if f.Size == 0 {
		f.Size = int64(len(u.Data))
	}
	s.files[id] = f
	return f.File
}

// Stored is the content of a file by its id.
func (s *Server) Stored(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[id]; f != nil {
		return f.data
	}
	return nil
}

func getFile(s *Server, _ *Bot, p params) (any, int64, error) {
	f := s.files[p.values["file_id"]]
	if f == nil {
		return nil, 0, bad("wrong file_id or the file is temporarily unavailable")
	}
	if f.Size > maxDownload {
		return nil, 0, bad("file is too big")
	}
	return File{ID: f.ID, UniqueID: f.UniqueID, Size: f.Size, Path: f.path}, 0, nil
}

func (s *Server) download(w http.ResponseWriter, r *http.Request, name string) {
	if f := s.fault("download"); f != nil && f.before(w, r) {
		return
	}
	s.mu.Lock()
	var data []byte
	found := false
	for _, f := range s.files {
		if f.path == name {
			data, found = f.data, true
		}
	}
	s.mu.Unlock()
	if !found {
		answer(w, nil, &failure{Code: 404, Text: "Not Found"})
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data)
}

// sendFile is sendPhoto, sendDocument, sendVoice.
func sendFile(kind string) deed {
	return func(s *Server, b *Bot, p params) (any, int64, error) {
		text, entities, err := format(p, "caption", 1024, "message caption is too long")
		if err != nil {
			return nil, 0, err
		}
		f, err := s.sent(p, kind)
		if err != nil {
			return nil, 0, err
		}
		to, err := s.prepare(b, p)
		if err != nil {
			return nil, 0, err
		}
		m := &Message{Caption: text, CaptionEntities: entities}
		switch kind {
		case "photo":
			f.Width, f.Height, f.Name, f.Type = 640, 480, "", ""
			m.Photo = []File{f}
		case "voice":
			m.Voice = &f
		default:
			m.Document = &f
		}
		return b.post(to, m), to.chat.info.ID, nil
	}
}

// sent is the file of a request: uploaded, or known by its id.
func (s *Server) sent(p params, kind string) (File, error) {
	u, ok := p.files[kind]
	if name, attached := strings.CutPrefix(p.values[kind], "attach://"); attached {
		u, ok = p.files[name]
	}
	switch {
	case !ok && s.files[p.values[kind]] != nil:
		return s.files[p.values[kind]].File, nil
	case !ok && p.values[kind] != "":
		return File{}, bad("wrong remote file identifier specified: can't unserialize it. Wrong last symbol")
	case !ok:
		return File{}, bad("there is no " + kind + " in the request")
	case len(u.data) == 0:
		return File{}, bad("file must be non-empty")
	case len(u.data) > maxUpload:
		return File{}, &failure{Code: 413, Text: "Request Entity Too Large"}
	case kind == "photo" && len(u.data) > maxPhoto:
		return File{}, bad("file of size " + strconv.Itoa(len(u.data)) + " bytes is too big for a photo; the maximum size is 10485760 bytes")
	case kind == "photo" && !strings.HasPrefix(http.DetectContentType(u.data), "image/"):
		return File{}, bad("IMAGE_PROCESS_FAILED")
	}
	return s.keep(Upload{Name: u.name, Type: u.kind, Data: u.data}, kind+"s"), nil
}

var commandName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// scope names the scope of a menu: "default", "all_group_chats", "chat:7".
func scope(p params) (string, error) {
	var sc struct {
		Type string `json:"type"`
		Chat any    `json:"chat_id"`
	}
	ok, err := p.object("scope", &sc)
	if err != nil {
		return "", bad("can't parse BotCommandScope JSON object")
	}
	switch {
	case !ok:
		return "default", nil
	case sc.Chat != nil:
		if f, ok := sc.Chat.(float64); ok {
			return sc.Type + ":" + itoa(int64(f)), nil
		}
		return sc.Type + ":" + sc.Chat.(string), nil
	case sc.Type == "default", sc.Type == "all_private_chats", sc.Type == "all_group_chats", sc.Type == "all_chat_administrators":
		return sc.Type, nil
	}
	return "", bad("unsupported type specified")
}

func setMenu(s *Server, b *Bot, p params) (any, int64, error) {
	sc, err := scope(p)
	if err != nil {
		return nil, 0, err
	}
	var list []Command
	if ok, err := p.object("commands", &list); !ok || err != nil {
		return nil, 0, bad("can't parse commands specified")
	}
	for _, c := range list {
		if !commandName.MatchString(c.Name) {
			return nil, 0, bad("BOT_COMMAND_INVALID")
		}
		if n := utf8.RuneCountInString(c.Help); n < 1 || n > 256 {
			return nil, 0, bad("BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}
	if len(list) > 100 || len(p.values["commands"]) > s.MenuBudget {
		return nil, 0, bad("BOT_COMMANDS_TOO_MUCH")
	}
	b.menus[sc] = list
	return true, 0, nil
}

func getMenu(_ *Server, b *Bot, p params) (any, int64, error) {
	sc, err := scope(p)
	if err != nil {
		return nil, 0, err
	}
	return append([]Command{}, b.menus[sc]...), 0, nil
}

func deleteMenu(_ *Server, b *Bot, p params) (any, int64, error) {
	sc, err := scope(p)
	if err != nil {
		return nil, 0, err
	}
	delete(b.menus, sc)
	return true, 0, nil
}
