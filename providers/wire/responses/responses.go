// Package responses is the format of OpenAI's Responses (https://platform.openai.com/docs/api-reference/responses),
// used without state at the service: nothing is stored, and reasoning goes back encrypted.
package responses

import (
	"encoding/json"

	"chatgateway/providers"
	"chatgateway/providers/wire"
)

// Dialect is how a service differs from OpenAI. The zero value is OpenAI with a model that does not reason.
type Dialect struct {
	Reasons  bool // the model reasons: its reasoning is asked for, to be sent back
	Summary  bool // a summary of the reasoning is asked for; not every account may
	NoMaxOut bool // refuses max_output_tokens
}

type request struct {
	Model        string     `json:"model"`
	Instructions string     `json:"instructions,omitempty"`
	Input        []any      `json:"input"` // item or json.RawMessage
	Tools        []tool     `json:"tools,omitempty"`
	Reasoning    *reasoning `json:"reasoning,omitempty"`
	MaxOut       int        `json:"max_output_tokens,omitempty"`
	Include      []string   `json:"include,omitempty"`
	Store        bool       `json:"store"`
	Stream       bool       `json:"stream"`
}

type reasoning struct {
	Effort  string `json:"effort,omitempty"`
	Summary string `json:"summary,omitempty"`
}

type tool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      bool            `json:"strict"`
}

// item is a message, a function_call or a function_call_output.
type item struct {
	Type      string    `json:"type"`
	Role      string    `json:"role,omitempty"`
	Content   []content `json:"content,omitempty"`
	CallID    string    `json:"call_id,omitempty"`
	Name      string    `json:"name,omitempty"`
	Arguments string    `json:"arguments,omitempty"`
	Output    *string   `json:"output,omitempty"`
}

type content struct {
	Type     string `json:"type"`
	Text     string `json:"text,omitempty"`
	ImageURL string `json:"image_url,omitempty"`
	Filename string `json:"filename,omitempty"`
	FileData string `json:"file_data,omitempty"`
}

// minOut is the smallest max_output_tokens that OpenAI takes.
const minOut = 16

// Prepare makes the call that asks req at base, and what reads the answer.
func Prepare(s *wire.Service, d Dialect, base string, req providers.Request) (wire.Call, wire.Decoder, error) {
	body := request{Model: req.Model, Instructions: req.System, Stream: true, Input: []any{}}
	if req.MaxOut > 0 && !d.NoMaxOut {
		body.MaxOut = max(req.MaxOut, minOut)
	}
	if d.Reasons {
		body.Include = []string{"reasoning.encrypted_content"}
	}
	if req.Effort != "" || d.Reasons && d.Summary {
		body.Reasoning = &reasoning{Effort: req.Effort}
		if d.Summary {
			body.Reasoning.Summary = "auto"
		}
	}
	for _, m := range req.Messages {
		items, err := items(s, m)
		if err != nil {
			return wire.Call{}, nil, err
		}
		body.Input = append(body.Input, items...)
	}
	for _, t := range req.Tools {
		body.Tools = append(body.Tools, tool{Type: "function", Name: t.Name, Description: t.Help, Parameters: wire.Schema(t)})
	}
	return wire.Call{Path: base + "/responses", Body: body}, &decoder{svc: s}, nil
}

// items makes the items of one message, in its parts' order: what came with the reasoning must follow it.
func items(s *wire.Service, m providers.Message) (list []any, err error) {
	text := "input_text"
	if m.Role == providers.Assistant {
		text = "output_text"
	}
	var open []content
	flush := func() {
		if len(open) > 0 {
			list = append(list, item{Type: "message", Role: string(m.Role), Content: open})
			open = nil
		}
	}
	for _, p := range m.Parts {
		switch {
		case p.Raw != nil:
			if p.By == s.ID {
				flush()
				list = append(list, p.Raw)
			}
		case p.Text != "":
			open = append(open, content{Type: text, Text: p.Text})
		case p.Blob != nil && m.Role == providers.User:
			c, err := file(s, *p.Blob)
			if err != nil {
				return nil, err
			}
			open = append(open, c)
		case p.Call != nil:
			flush()
			list = append(list, item{Type: "function_call", CallID: wire.CallID(p.Call.ID), Name: p.Call.Name, Arguments: string(wire.Args(string(p.Call.Args)))})
		case p.Result != nil:
			flush()
			list = append(list, item{Type: "function_call_output", CallID: wire.CallID(p.Result.ID), Output: &p.Result.Text})
		}
	}
	flush()
	return list, nil
}

func file(s *wire.Service, b providers.Blob) (content, error) {
	if text, ok := wire.FileText(b); ok {
		return content{Type: "input_text", Text: text}, nil
	}
	switch {
	case wire.IsImage(b):
		return content{Type: "input_image", ImageURL: wire.DataURL(b)}, nil
	case b.Type == "application/pdf":
		return content{Type: "input_file", Filename: wire.FileName(b), FileData: wire.DataURL(b)}, nil
	}
	return content{}, s.Unable(s.Name + " takes no files of this kind. Send it as text, as an image or as a PDF.")
}
