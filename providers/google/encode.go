package google

import (
	"encoding/json"
	"strings"

	"chatgateway/providers"
	"chatgateway/providers/wire"
)

type request struct {
	Contents   []content  `json:"contents"`
	System     *content   `json:"systemInstruction,omitempty"`
	Tools      []tools    `json:"tools,omitempty"`
	Generation generation `json:"generationConfig"`
}

type content struct {
	Role  string `json:"role,omitempty"`
	Parts []any  `json:"parts"` // part or json.RawMessage
}

type part struct {
	Text             string            `json:"text,omitempty"`
	InlineData       *inlineData       `json:"inlineData,omitempty"`
	FunctionCall     *functionCall     `json:"functionCall,omitempty"`
	FunctionResponse *functionResponse `json:"functionResponse,omitempty"`
	ThoughtSignature string            `json:"thoughtSignature,omitempty"`
}

type inlineData struct {
	MimeType string `json:"mimeType"`
	Data     []byte `json:"data"`
}

type functionCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

type functionResponse struct {
	ID       string            `json:"id,omitempty"`
	Name     string            `json:"name"`
	Response map[string]string `json:"response"`
}

type tools struct {
	Declarations []declaration `json:"functionDeclarations"`
}

type declaration struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parametersJsonSchema"`
}

type generation struct {
	MaxOut   int       `json:"maxOutputTokens,omitempty"`
	Thinking *thinking `json:"thinkingConfig,omitempty"`
}

type thinking struct {
	Level    string `json:"thinkingLevel,omitempty"`
	Budget   *int   `json:"thinkingBudget,omitempty"`
	Thoughts bool   `json:"includeThoughts,omitempty"`
}

// unsigned is what stands for the signature of a call that the model did not make itself: it is documented for calls
// taken over from another model (ai.google.dev/gemini-api/docs/thought-signatures).
const unsigned = "skip_thought_signature_validator"

// encode makes the body that asks req.
func encode(s *wire.Service, req providers.Request) (request, error) {
	body := request{Generation: generation{MaxOut: req.MaxOut, Thinking: think(req.Model, req.Effort)}}
	if req.System != "" {
		body.System = &content{Parts: []any{part{Text: req.System}}}
	}
	sent := map[string]functionCall{} // calls as they are sent, by our id
	for _, m := range req.Messages {
		c, err := encodeMessage(s, m, sent, old(req.Model))
		if err != nil {
			return request{}, err
		}
		if len(c.Parts) > 0 {
			body.Contents = append(body.Contents, c)
		}
	}
	if len(req.Tools) > 0 {
		body.Tools = []tools{{}}
	}
	for _, t := range req.Tools {
		body.Tools[0].Declarations = append(body.Tools[0].Declarations, declaration{t.Name, t.Help, wire.Schema(t)})
	}
	return body, nil
}

func encodeMessage(s *wire.Service, m providers.Message, sent map[string]functionCall, old bool) (content, error) {
	c := content{Role: "user"}
	if m.Role == providers.Assistant {
		c.Role = "model"
	}
	var last *providers.Call // the call before, and where it stands
	at := 0
	for _, p := range m.Parts {
		switch {
		case p.Raw != nil:
			if p.By != s.ID {
				continue
			}
			if call := callIn(p.Raw); call != nil && last != nil { // the call before it, with its signature
				c.Parts[at], sent[last.ID], last = p.Raw, *call, nil
				continue
			}
			c.Parts = append(c.Parts, p.Raw)
		case p.Text != "":
			c.Parts = append(c.Parts, part{Text: p.Text})
		case p.Blob != nil:
			b, err := file(s, *p.Blob)
			if err != nil {
				return content{}, err
			}
			c.Parts = append(c.Parts, b)
		case p.Call != nil:
			call := functionCall{wire.CallID(p.Call.ID), p.Call.Name, wire.Args(string(p.Call.Args))}
			sent[p.Call.ID], last, at = call, p.Call, len(c.Parts)
			b := part{FunctionCall: &call}
			if !old {
				b.ThoughtSignature = unsigned
			}
			c.Parts = append(c.Parts, b)
		case p.Result != nil:
			field := "output"
			if p.Result.Error {
				field = "error"
			}
			call := sent[p.Result.ID]
			c.Parts = append(c.Parts, part{FunctionResponse: &functionResponse{call.ID, call.Name, map[string]string{field: p.Result.Text}}})
		}
	}
	return c, nil
}

// callIn gives the call in a part, nil if it is none.
func callIn(raw json.RawMessage) *functionCall {
	var p struct {
		Call *functionCall `json:"functionCall"`
	}
	_ = json.Unmarshal(raw, &p)
	return p.Call
}

// file sends what Gemini reads as it is: images, PDF, sound and film.
func file(s *wire.Service, b providers.Blob) (part, error) {
	if text, ok := wire.FileText(b); ok {
		return part{Text: text}, nil
	}
	kind, _, _ := strings.Cut(b.Type, "/")
	if kind == "image" || kind == "audio" || kind == "video" || b.Type == "application/pdf" {
		return part{InlineData: &inlineData{b.Type, b.Data}}, nil
	}
	return part{}, s.Unable(s.Name + " takes no files of this kind. Send it as text, as a PDF, or as an image.")
}

// old reports whether a model is of the generations before Gemini 3, which have a budget and no signatures.
func old(model string) bool {
	model = strings.TrimPrefix(model, "models/")
	return strings.HasPrefix(model, "gemini-2") || strings.HasPrefix(model, "gemini-1") || strings.HasPrefix(model, "gemma-")
}

// budgets are the tokens to think with, for models that take no level.
var budgets = map[string]int{"none": 0, "low": 1024, "medium": 8192, "high": 24576}

// think sets how much the model thinks; "" leaves it to the model.
func think(model, effort string) *thinking {
	if effort == "" {
		return nil
	}
	t := &thinking{Thoughts: effort != "none"}
	budget, known := budgets[effort]
	switch {
	case old(model) && known:
		if strings.Contains(model, "-pro") {
			budget = max(budget, 128) // the least that it takes
		}
		t.Budget = &budget
	case effort == "none":
		t.Level = "low" // its thinking cannot be switched off
	default:
		t.Level = effort
	}
	return t
}
