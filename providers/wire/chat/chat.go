// Package chat is the format of OpenAI's Chat Completions, which most services speak in one dialect or another
// (https://platform.openai.com/docs/api-reference/chat).
package chat

import (
	"crypto/sha256"
	"encoding/json"
	"strings"

	"chatgateway/providers"
	"chatgateway/providers/wire"
)

// Dialect is how a service differs from what most understand. The zero value is what most do.
type Dialect struct {
	Effort          Effort
	NoStreamOptions bool // refuses stream_options; it sends usage without
	MaxCompletion   bool // the limit is max_completion_tokens, not max_tokens
	ShortIDs        bool // ids of calls have exactly nine letters and digits
	Files           bool // takes PDF files
}

// Effort is the field that sets how much a model thinks.
type Effort int

// The ways there are.
const (
	ByEffort  Effort = iota // reasoning_effort
	ByObject                // reasoning: {effort}
	ByToggle                // thinking: {type: enabled or disabled}
	BySwitch                // enable_thinking
	ByNothing               // it cannot be set
)

// Prepare makes the call that asks req at base, and what reads the answer.
func Prepare(s *wire.Service, d Dialect, base string, req providers.Request) (wire.Call, wire.Decoder, error) {
	body := request{Model: req.Model, Stream: true}
	if !d.NoStreamOptions {
		body.StreamOptions = &streamOptions{IncludeUsage: true}
	}
	if d.MaxCompletion {
		body.MaxCompletion = req.MaxOut
	} else {
		body.MaxTokens = req.MaxOut
	}
	body.think(d.Effort, req.Effort)
	if req.System != "" {
		body.Messages = append(body.Messages, message{Role: "system", Content: req.System})
	}
	e := encoder{s, d}
	for _, m := range req.Messages {
		msgs, err := e.message(m)
		if err != nil {
			return wire.Call{}, nil, err
		}
		body.Messages = append(body.Messages, msgs...)
	}
	for _, t := range req.Tools {
		body.Tools = append(body.Tools, tool{"function", function{t.Name, t.Help, wire.Schema(t)}})
	}
	return wire.Call{Path: base + "/chat/completions", Body: body}, &decoder{svc: s}, nil
}

type request struct {
	Model           string         `json:"model"`
	Messages        []message      `json:"messages"`
	Stream          bool           `json:"stream"`
	StreamOptions   *streamOptions `json:"stream_options,omitempty"`
	Tools           []tool         `json:"tools,omitempty"`
	MaxTokens       int            `json:"max_tokens,omitempty"`
	MaxCompletion   int            `json:"max_completion_tokens,omitempty"`
	ReasoningEffort string         `json:"reasoning_effort,omitempty"`
	Reasoning       *effort        `json:"reasoning,omitempty"`       // OpenRouter
	Thinking        *toggle        `json:"thinking,omitempty"`        // Z.AI, Kimi, DeepSeek
	EnableThinking  *bool          `json:"enable_thinking,omitempty"` // DashScope
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type effort struct {
	Effort string `json:"effort"`
}

type toggle struct {
	Type string `json:"type"`
}

type message struct {
	Role       string `json:"role"`
	Content    any    `json:"content,omitempty"` // string or []part
	ToolCalls  []call `json:"tool_calls,omitempty"`
	ToolCallID string `json:"tool_call_id,omitempty"`
	thinking
}

// thinking is what a model thought, in the fields in which services send it and want it back.
type thinking struct {
	ReasoningContent string            `json:"reasoning_content,omitempty"`
	ReasoningDetails []json.RawMessage `json:"reasoning_details,omitempty"`
}

// add joins what came back in pieces.
func (t *thinking) add(raw json.RawMessage) {
	var more thinking
	if json.Unmarshal(raw, &more) == nil {
		t.ReasoningContent += more.ReasoningContent
		t.ReasoningDetails = append(t.ReasoningDetails, more.ReasoningDetails...)
	}
}

type part struct {
	Type     string    `json:"type"`
	Text     string    `json:"text,omitempty"`
	ImageURL *imageURL `json:"image_url,omitempty"`
	File     *file     `json:"file,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
}

type file struct {
	Filename string `json:"filename"`
	FileData string `json:"file_data"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
}

type call struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function callFunction `json:"function"`
}

type callFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// think sets the effort in the field that the service has for it.
func (r *request) think(by Effort, want string) {
	if want == "" {
		return
	}
	on := want != "none"
	switch by {
	case ByEffort:
		r.ReasoningEffort = want
	case ByObject:
		r.Reasoning = &effort{want}
	case ByToggle:
		r.Thinking = &toggle{"disabled"}
		if on {
			r.Thinking.Type = "enabled"
		}
	case BySwitch:
		r.EnableThinking = &on
	case ByNothing:
	}
}

// encoder makes the messages of one request.
type encoder struct {
	svc *wire.Service
	Dialect
}

func (e encoder) message(m providers.Message) ([]message, error) {
	if m.Role == providers.Assistant {
		return e.said(m), nil
	}
	return e.asked(m)
}

// said makes the message of an answer. Its thinking goes back only to the service that it came from.
func (e encoder) said(m providers.Message) []message {
	msg := message{Role: "assistant"}
	var texts []string
	var raw thinking
	for _, p := range m.Parts {
		switch {
		case p.Raw != nil:
			if p.By == e.svc.ID {
				raw.add(p.Raw)
			}
		case p.Text != "":
			texts = append(texts, p.Text)
		case p.Call != nil:
			c := call{ID: e.callID(p.Call.ID), Type: "function"}
			c.Function = callFunction{p.Call.Name, string(wire.Args(string(p.Call.Args)))}
			msg.ToolCalls = append(msg.ToolCalls, c)
		}
	}
	msg.thinking = raw
	if text := strings.Join(texts, "\n\n"); text != "" {
		msg.Content = text
	}
	if msg.Content == nil && msg.ToolCalls == nil {
		return nil
	}
	return []message{msg}
}

// asked makes the messages of a person's turn: the results of calls first, as services want them.
func (e encoder) asked(m providers.Message) (msgs []message, err error) {
	var parts []part
	plain := true
	for _, p := range m.Parts {
		switch {
		case p.Result != nil:
			msgs = append(msgs, message{Role: "tool", ToolCallID: e.callID(p.Result.ID), Content: p.Result.Text})
		case p.Text != "":
			parts = append(parts, part{Type: "text", Text: p.Text})
		case p.Blob != nil:
			c, err := e.file(*p.Blob)
			if err != nil {
				return nil, err
			}
			plain = plain && c.Type == "text"
			parts = append(parts, c)
		}
	}
	switch {
	case len(parts) == 0:
	case plain: // many services take only a string
		texts := make([]string, len(parts))
		for i := range parts {
			texts[i] = parts[i].Text
		}
		msgs = append(msgs, message{Role: "user", Content: strings.Join(texts, "\n\n")})
	default:
		msgs = append(msgs, message{Role: "user", Content: parts})
	}
	return msgs, nil
}

func (e encoder) file(b providers.Blob) (part, error) {
	if text, ok := wire.FileText(b); ok {
		return part{Type: "text", Text: text}, nil
	}
	switch {
	case wire.IsImage(b):
		return part{Type: "image_url", ImageURL: &imageURL{wire.DataURL(b)}}, nil
	case b.Type == "application/pdf" && e.Files:
		return part{Type: "file", File: &file{wire.FileName(b), wire.DataURL(b)}}, nil
	}
	return part{}, e.svc.Unable(e.svc.Name + " takes no files of this kind. Send it as text or as an image.")
}

// callID gives the id of a call as the service takes it.
func (e encoder) callID(id string) string {
	if e.ShortIDs {
		return shortID(id)
	}
	return wire.CallID(id)
}

// shortID makes an id of nine letters and digits: the same for the same id, and such an id itself.
func shortID(id string) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if len(id) == 9 && strings.Trim(id, digits) == "" {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	short := make([]byte, 9)
	for i := range short {
		short[i] = digits[int(sum[i])%len(digits)]
	}
	return string(short)
}
