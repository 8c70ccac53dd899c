package chat

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

type chunk struct {
	Choices []struct {
		Index int `json:"index"`
		Delta struct {
			Content          json.RawMessage   `json:"content"` // string, or parts (Mistral)
			Refusal          string            `json:"refusal"`
			ReasoningContent string            `json:"reasoning_content"`
			Reasoning        string            `json:"reasoning"`
			ReasoningDetails []json.RawMessage `json:"reasoning_details"`
			ToolCalls        []callDelta       `json:"tool_calls"`
		} `json:"delta"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *usage `json:"usage"`
	XGroq *struct {
		Usage *usage `json:"usage"`
	} `json:"x_groq"`
	Error json.RawMessage `json:"error"`
}

type callDelta struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Details    struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CacheHit int `json:"prompt_cache_hit_tokens"` // DeepSeek
}

// decoder reads a stream of chat.completion.chunk objects.
type decoder struct {
	svc     *wire.Service
	used    *providers.Usage
	stop    providers.Stop // set by finish_reason
	calls   []*callDelta
	thought strings.Builder
	details []json.RawMessage
	some    bool // something was answered
}

// Event implements wire.Decoder.
func (d *decoder) Event(ev sse.Event, emit wire.Emit) (bool, error) {
	if string(ev.Data) == "[DONE]" {
		if d.stop == "" && d.some {
			d.finish("stop", emit)
		}
		return d.End(emit), nil
	}
	var c chunk
	if len(ev.Data) == 0 {
		return false, nil
	}
	if err := json.Unmarshal(ev.Data, &c); err != nil {
		return false, fmt.Errorf("decode a chunk: %w", err)
	}
	if len(c.Error) > 0 && string(c.Error) != "null" || ev.Name == "error" {
		return false, d.svc.Failure(http.StatusOK, nil, ev.Data)
	}
	if c.XGroq != nil && c.Usage == nil {
		c.Usage = c.XGroq.Usage
	}
	if u := c.Usage; u != nil {
		d.used = &providers.Usage{In: u.Prompt, Out: u.Completion, Cached: max(u.Details.Cached, u.CacheHit)}
	}
	for _, choice := range c.Choices {
		if choice.Index != 0 {
			continue
		}
		delta := choice.Delta
		thought := cmp.Or(delta.ReasoningContent, delta.Reasoning)
		text, inner := content(delta.Content)
		d.think(thought+inner, delta.ReasoningContent, delta.ReasoningDetails, emit)
		if text = text + delta.Refusal; text != "" {
			d.thoughtDone(emit)
			d.some = true
			emit(providers.Delta{Part: providers.Part{Text: text}})
		}
		for _, call := range delta.ToolCalls {
			d.call(call)
		}
		if broke[choice.FinishReason] {
			return false, d.svc.Failure(http.StatusOK, nil, nil)
		}
		if choice.FinishReason != "" {
			d.finish(choice.FinishReason, emit)
		}
	}
	return false, nil
}

// End implements wire.Decoder: the answer is complete once a finish_reason came, or [DONE] behind something.
func (d *decoder) End(emit wire.Emit) bool {
	if d.stop == "" {
		return false
	}
	emit(providers.Delta{Usage: d.used, Stop: d.stop})
	return true
}

// content reads the content field: a text, or a list of parts with the model's thinking among them.
func content(b json.RawMessage) (text, thought string) {
	if len(b) == 0 || json.Unmarshal(b, &text) == nil {
		return text, ""
	}
	var parts []struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Thinking []struct {
			Text string `json:"text"`
		} `json:"thinking"`
	}
	_ = json.Unmarshal(b, &parts)
	for _, p := range parts {
		text += p.Text
		for _, t := range p.Thinking {
			thought += t.Text
		}
	}
	return text, thought
}

// think emits thinking, and keeps what is to go back with it.
func (d *decoder) think(thought, content string, details []json.RawMessage, emit wire.Emit) {
	d.thought.WriteString(content)
	d.details = join(d.details, details)
	if thought != "" {
		d.some = true
		emit(providers.Delta{Part: providers.Part{Thought: thought}})
	}
}

// thoughtDone emits the verbatim form of the thinking so far.
func (d *decoder) thoughtDone(emit wire.Emit) {
	raw := thinking{ReasoningContent: d.thought.String(), ReasoningDetails: d.details}
	if raw.ReasoningDetails != nil {
		raw.ReasoningContent = "" // the details hold it
	}
	if raw.ReasoningContent == "" && raw.ReasoningDetails == nil {
		return
	}
	d.thought.Reset()
	d.details = nil
	b, err := json.Marshal(raw)
	if err == nil {
		emit(providers.Delta{Part: providers.Part{Raw: b, By: d.svc.ID}})
	}
}

// call adds a piece to a call. A new id begins a new call, also where a service leaves the index out.
func (d *decoder) call(piece callDelta) {
	var c *callDelta
	for _, have := range d.calls {
		same := piece.Index == nil && have == d.calls[len(d.calls)-1] || piece.Index != nil && have.Index != nil && *piece.Index == *have.Index
		if same && (piece.ID == "" || piece.ID == have.ID) {
			c = have
		}
	}
	if c == nil {
		d.calls = append(d.calls, &piece)
		return
	}
	c.Function.Name = cmp.Or(c.Function.Name, piece.Function.Name)
	c.Function.Arguments += piece.Function.Arguments
}

// finish emits the calls and keeps why the answer ended.
func (d *decoder) finish(reason string, emit wire.Emit) {
	d.thoughtDone(emit)
	d.some = true
	d.stop = stops[reason]
	if d.stop == "" {
		d.stop = providers.StopEnd
	}
	calls := d.calls
	d.calls = nil
	for _, c := range calls {
		if c.Function.Name == "" || d.stop == providers.StopLength && !json.Valid([]byte(c.Function.Arguments)) {
			continue // cut off
		}
		if d.stop == providers.StopEnd {
			d.stop = providers.StopCall
		}
		emit(providers.Delta{Part: providers.Part{Call: &providers.Call{
			ID: cmp.Or(c.ID, wire.NewCallID()), Name: c.Function.Name, Args: wire.Args(c.Function.Arguments)}}})
	}
}

var stops = map[string]providers.Stop{
	"stop": providers.StopEnd, "eos": providers.StopEnd, "length": providers.StopLength, "model_length": providers.StopLength,
	"max_tokens": providers.StopLength, "tool_calls": providers.StopCall, "function_call": providers.StopCall,
	"model_context_window_exceeded": providers.StopLength,
	"content_filter":                providers.StopRefused, "sensitive": providers.StopRefused, "refusal": providers.StopRefused,
}

// broke are reasons to finish that are failures.
var broke = map[string]bool{"error": true, "network_error": true, "insufficient_system_resource": true, "abort": true}

// join adds reasoning details to those before: the pieces of one, by index and type, are put together as the service
// wants them back.
func join(have, more []json.RawMessage) []json.RawMessage {
	for _, b := range more {
		var piece map[string]json.RawMessage
		if json.Unmarshal(b, &piece) != nil {
			continue
		}
		var last map[string]json.RawMessage
		if len(have) > 0 {
			_ = json.Unmarshal(have[len(have)-1], &last)
		}
		if last == nil || piece["index"] == nil || string(piece["index"]) != string(last["index"]) || string(piece["type"]) != string(last["type"]) {
			have = append(have, b)
			continue
		}
		for k, v := range piece {
			switch k {
			case "text", "summary", "data":
				last[k] = concat(last[k], v)
			default:
				if string(v) != "null" {
					last[k] = v
				}
			}
		}
		if joined, err := json.Marshal(last); err == nil {
			have[len(have)-1] = joined
		}
	}
	return have
}

func concat(a, b json.RawMessage) json.RawMessage {
	var s, t string
	_ = json.Unmarshal(a, &s)
	_ = json.Unmarshal(b, &t)
	joined, err := json.Marshal(s + t)
	if err != nil {
		return a
	}
	return joined
}
