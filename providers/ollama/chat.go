package ollama

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"chatgateway/internal/sse"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

type request struct {
	Model    string         `json:"model"`
	Messages []message      `json:"messages"`
	Tools    []tool         `json:"tools,omitempty"`
	Think    any            `json:"think,omitempty"` // bool, or an effort
	Options  map[string]int `json:"options,omitempty"`
	Stream   bool           `json:"stream"`
	// Both off, so that a conversation that is too long is an error and not cut in silence; see api/types.go there.
	Truncate bool `json:"truncate"`
	Shift    bool `json:"shift"`
}

type message struct {
	Role       string   `json:"role"`
	Content    string   `json:"content"`
	Thinking   string   `json:"thinking,omitempty"`
	Images     [][]byte `json:"images,omitempty"`
	ToolCalls  []call   `json:"tool_calls,omitempty"`
	ToolName   string   `json:"tool_name,omitempty"`
	ToolCallID string   `json:"tool_call_id,omitempty"`
}

type call struct {
	ID       string   `json:"id,omitempty"`
	Function function `json:"function"`
}

type function struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

type tool struct {
	Type     string      `json:"type"`
	Function declaration `json:"function"`
}

type declaration struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
}

// encode makes the body that asks req.
func encode(s *wire.Service, req providers.Request) (request, error) {
	body := request{Model: req.Model, Stream: true, Think: think(req)}
	if req.MaxOut > 0 {
		body.Options = map[string]int{"num_predict": req.MaxOut}
	}
	if req.System != "" {
		body.Messages = append(body.Messages, message{Role: "system", Content: req.System})
	}
	names := map[string]string{} // of calls, by id
	for _, m := range req.Messages {
		msgs, err := encodeMessage(s, m, names)
		if err != nil {
			return request{}, err
		}
		body.Messages = append(body.Messages, msgs...)
	}
	for _, t := range req.Tools {
		body.Tools = append(body.Tools, tool{"function", declaration{t.Name, t.Help, wire.Schema(t)}})
	}
	return body, nil
}

// think sets how much the model thinks; "" leaves it to the model. Only gpt-oss has efforts.
func think(req providers.Request) any {
	switch {
	case req.Effort == "":
		return nil
	case req.Effort == "none":
		return false
	case strings.Contains(req.Model, "gpt-oss"):
		return req.Effort
	}
	return true
}

func encodeMessage(s *wire.Service, m providers.Message, names map[string]string) (list []message, err error) {
	msg := message{Role: string(m.Role)}
	var texts []string
	for _, p := range m.Parts {
		switch {
		case p.Raw != nil:
			if p.By == s.ID {
				var raw message
				_ = json.Unmarshal(p.Raw, &raw)
				msg.Thinking += raw.Thinking
			}
		case p.Text != "":
			texts = append(texts, p.Text)
		case p.Blob != nil:
			text, ok := wire.FileText(*p.Blob)
			switch {
			case ok:
				texts = append(texts, text)
			case wire.IsImage(*p.Blob):
				msg.Images = append(msg.Images, p.Blob.Data)
			default:
				return nil, s.Unable(s.Name + " takes no files of this kind. Send it as text or as an image.")
			}
		case p.Call != nil:
			names[p.Call.ID] = p.Call.Name
			msg.ToolCalls = append(msg.ToolCalls, call{p.Call.ID, function{p.Call.Name, wire.Args(string(p.Call.Args))}})
		case p.Result != nil:
			list = append(list, message{Role: "tool", Content: p.Result.Text, ToolName: names[p.Result.ID], ToolCallID: p.Result.ID})
		}
	}
	msg.Content = strings.Join(texts, "\n\n")
	if msg.Content == "" && msg.Images == nil && msg.ToolCalls == nil {
		return list, nil
	}
	return append(list, msg), nil
}

type chunk struct {
	Message    message `json:"message"`
	Done       bool    `json:"done"`
	DoneReason string  `json:"done_reason"`
	In         int     `json:"prompt_eval_count"`
	Cached     int     `json:"prompt_eval_cached_count"`
	Out        int     `json:"eval_count"`
	Error      string  `json:"error"`
}

// decoder reads one JSON object a line.
type decoder struct {
	svc     *wire.Service
	thought strings.Builder
	called  bool
}

// Event implements wire.Decoder.
func (d *decoder) Event(ev sse.Event, emit wire.Emit) (bool, error) {
	var c chunk
	if err := json.Unmarshal(ev.Data, &c); err != nil {
		return false, fmt.Errorf("decode a line: %w", err)
	}
	if c.Error != "" {
		return false, d.svc.Failure(http.StatusOK, nil, ev.Data)
	}
	if t := c.Message.Thinking; t != "" {
		d.thought.WriteString(t)
		emit(providers.Delta{Part: providers.Part{Thought: t}})
	}
	if t := c.Message.Content; t != "" {
		d.thoughtDone(emit)
		emit(providers.Delta{Part: providers.Part{Text: t}})
	}
	for _, call := range c.Message.ToolCalls {
		d.thoughtDone(emit)
		d.called = true
		emit(providers.Delta{Part: providers.Part{Call: &providers.Call{
			ID: cmp.Or(call.ID, wire.NewCallID()), Name: call.Function.Name, Args: wire.Args(string(call.Function.Arguments))}}})
	}
	if !c.Done {
		return false, nil
	}
	d.thoughtDone(emit)
	last := providers.Delta{Stop: providers.StopEnd, Usage: &providers.Usage{In: c.In, Out: c.Out, Cached: c.Cached}}
	switch {
	case c.DoneReason == "length":
		last.Stop = providers.StopLength
	case d.called:
		last.Stop = providers.StopCall
	}
	emit(last)
	return true, nil
}

// End implements wire.Decoder: without a line that is done the answer is not complete.
func (d *decoder) End(wire.Emit) bool { return false }

// thoughtDone emits the verbatim form of the thinking so far.
func (d *decoder) thoughtDone(emit wire.Emit) {
	if d.thought.Len() == 0 {
		return
	}
	raw, err := json.Marshal(struct {
		Thinking string `json:"thinking"`
	}{d.thought.String()})
	d.thought.Reset()
	if err == nil {
		emit(providers.Delta{Part: providers.Part{Raw: raw, By: d.svc.ID}})
	}
}
