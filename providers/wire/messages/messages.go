// Package messages is the format of Anthropic's Messages (https://platform.claude.com/docs/en/api/messages).
package messages

import (
	"encoding/json"
	"net/http"

	"chatgateway/providers"
	"chatgateway/providers/wire"
)

// Dialect is what must be known of the model that is asked.
type Dialect struct {
	MaxOut   int  // max_tokens where the request has no limit of its own; the service wants one
	Adaptive bool // the model decides itself how much it thinks, by an effort
	Always   bool // with Adaptive: its thinking cannot be switched off
}

type request struct {
	Model     string        `json:"model"`
	MaxTokens int           `json:"max_tokens"`
	System    string        `json:"system,omitempty"`
	Messages  []message     `json:"messages"`
	Tools     []tool        `json:"tools,omitempty"`
	Thinking  *thinking     `json:"thinking,omitempty"`
	Output    *outputConfig `json:"output_config,omitempty"`
	Stream    bool          `json:"stream"`
}

type thinking struct {
	Type    string `json:"type"`
	Budget  int    `json:"budget_tokens,omitempty"`
	Display string `json:"display,omitempty"`
}

type outputConfig struct {
	Effort string `json:"effort"`
}

type message struct {
	Role    string `json:"role"`
	Content []any  `json:"content"` // block or json.RawMessage
}

type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	Source    *source         `json:"source,omitempty"`
	Title     string          `json:"title,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   string          `json:"content,omitempty"`
	IsError   bool            `json:"is_error,omitempty"`
}

type source struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type"`
	Data      []byte `json:"data"`
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema"`
}

// budgets are the tokens to think with, for models that take no effort.
var budgets = map[string]int{"low": 2048, "medium": 8192, "high": 24576}

// Prepare makes the call that asks req at base, and what reads the answer.
func Prepare(s *wire.Service, d Dialect, base string, req providers.Request) (wire.Call, wire.Decoder, error) {
	body := request{Model: req.Model, MaxTokens: req.MaxOut, System: req.System, Stream: true}
	if body.MaxTokens <= 0 {
		body.MaxTokens = d.MaxOut
	}
	body.think(d, req.Effort)
	for _, m := range req.Messages {
		blocks, err := blocks(s, m)
		if err != nil {
			return wire.Call{}, nil, err
		}
		if len(blocks) > 0 {
			body.Messages = append(body.Messages, message{string(m.Role), blocks})
		}
	}
	for _, t := range req.Tools {
		body.Tools = append(body.Tools, tool{t.Name, t.Help, wire.Schema(t)})
	}
	return wire.Call{Path: base + "/v1/messages", Header: Header(), Body: body}, &decoder{svc: s}, nil
}

// Header is what every request in this format says of its version.
func Header() http.Header { return http.Header{"Anthropic-Version": {"2023-06-01"}} }

// think sets how much the model thinks; "" leaves it to the model.
func (r *request) think(d Dialect, effort string) {
	switch {
	case effort == "":
	case effort == "none" && d.Always:
		r.Output = &outputConfig{"low"} // the least there is
	case effort == "none":
		r.Thinking = &thinking{Type: "disabled"}
	case d.Adaptive:
		r.Thinking = &thinking{Type: "adaptive", Display: "summarized"}
		r.Output = &outputConfig{effort}
	case budgets[effort] > 0:
		r.Thinking = &thinking{Type: "enabled", Budget: budgets[effort]}
		r.MaxTokens = max(r.MaxTokens, budgets[effort]+1024) // the budget must be smaller
	}
}

// blocks makes the content of one message: the results of calls first, as the service wants them.
func blocks(s *wire.Service, m providers.Message) ([]any, error) {
	var results, rest []any
	for _, p := range m.Parts {
		switch {
		case p.Raw != nil:
			if p.By == s.ID {
				rest = append(rest, p.Raw)
			}
		case p.Text != "" && !wire.Blank(p.Text): // blank text is refused
			rest = append(rest, block{Type: "text", Text: p.Text})
		case p.Blob != nil && m.Role == providers.User:
			b, err := file(s, *p.Blob)
			if err != nil {
				return nil, err
			}
			rest = append(rest, b)
		case p.Call != nil:
			rest = append(rest, block{Type: "tool_use", ID: wire.CallID(p.Call.ID), Name: p.Call.Name, Input: wire.Args(string(p.Call.Args))})
		case p.Result != nil:
			results = append(results, block{Type: "tool_result", ToolUseID: wire.CallID(p.Result.ID), Content: p.Result.Text, IsError: p.Result.Error})
		}
	}
	return append(results, rest...), nil
}

func file(s *wire.Service, b providers.Blob) (block, error) {
	if text, ok := wire.FileText(b); ok {
		return block{Type: "text", Text: text}, nil
	}
	switch b.Type {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return block{Type: "image", Source: &source{"base64", b.Type, b.Data}}, nil
	case "application/pdf":
		return block{Type: "document", Title: b.Name, Source: &source{"base64", b.Type, b.Data}}, nil
	}
	return block{}, s.Unable(s.Name + " takes no files of this kind. Send it as text, as a PDF, or as an image in JPEG, PNG, GIF or WebP.")
}
