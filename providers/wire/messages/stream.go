package messages

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

type event struct {
	Type    string `json:"type"`
	Index   int    `json:"index"`
	Message struct {
		Usage usage `json:"usage"`
	} `json:"message"`
	Block json.RawMessage `json:"content_block"`
	Delta struct {
		Type       string `json:"type"`
		Text       string `json:"text"`
		Thinking   string `json:"thinking"`
		Signature  string `json:"signature"`
		JSON       string `json:"partial_json"`
		StopReason string `json:"stop_reason"`
	} `json:"delta"`
	Usage *usage `json:"usage"`
}

type usage struct {
	In      int `json:"input_tokens"`
	Out     int `json:"output_tokens"`
	Written int `json:"cache_creation_input_tokens"`
	Read    int `json:"cache_read_input_tokens"`
}

// decoder reads a stream of Messages' events. Blocks come one after the other.
type decoder struct {
	svc   *wire.Service
	block streamed
	usage usage
	stop  providers.Stop
}

// streamed is the content block that is coming in.
type streamed struct {
	kind      string
	start     json.RawMessage // as it began
	id, name  string
	text      strings.Builder // thinking, or a call's arguments
	signature string
}

// Event implements wire.Decoder.
func (d *decoder) Event(ev sse.Event, emit wire.Emit) (bool, error) {
	if len(ev.Data) == 0 {
		return false, nil
	}
	var e event
	if err := json.Unmarshal(ev.Data, &e); err != nil {
		return false, fmt.Errorf("decode an event: %w", err)
	}
	switch cmp.Or(e.Type, ev.Name) {
	case "message_start":
		d.usage = e.Message.Usage
	case "content_block_start":
		d.begin(e.Block, emit)
	case "content_block_delta":
		d.delta(e, emit)
	case "content_block_stop":
		d.end(emit)
	case "message_delta":
		d.stop = stops[e.Delta.StopReason]
		if d.stop == "" && e.Delta.StopReason != "" {
			d.stop = providers.StopEnd
		}
		d.count(e.Usage)
	case "message_stop":
		return d.End(emit), nil
	case "error":
		return false, d.svc.Failure(http.StatusOK, nil, ev.Data)
	}
	return false, nil
}

// End implements wire.Decoder: the answer is complete once the service said why it ended.
func (d *decoder) End(emit wire.Emit) bool {
	if d.stop == "" {
		return false
	}
	u := providers.Usage{In: d.usage.In + d.usage.Written + d.usage.Read, Out: d.usage.Out, Cached: d.usage.Read}
	emit(providers.Delta{Stop: d.stop, Usage: &u})
	return true
}

func (d *decoder) begin(raw json.RawMessage, emit wire.Emit) {
	var b struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Thinking string          `json:"thinking"`
		ID       string          `json:"id"`
		Name     string          `json:"name"`
		Input    json.RawMessage `json:"input"`
	}
	_ = json.Unmarshal(raw, &b)
	d.block = streamed{kind: b.Type, start: raw, id: b.ID, name: b.Name}
	switch b.Type {
	case "text":
		say(emit, providers.Part{Text: b.Text})
	case "thinking":
		d.block.text.WriteString(b.Thinking)
		say(emit, providers.Part{Thought: b.Thinking})
	case "tool_use":
		if s := string(b.Input); s != "" && s != "{}" {
			d.block.text.WriteString(s)
		}
	}
}

func (d *decoder) delta(e event, emit wire.Emit) {
	switch e.Delta.Type {
	case "text_delta":
		say(emit, providers.Part{Text: e.Delta.Text})
	case "thinking_delta":
		d.block.text.WriteString(e.Delta.Thinking)
		say(emit, providers.Part{Thought: e.Delta.Thinking})
	case "signature_delta":
		d.block.signature += e.Delta.Signature
	case "input_json_delta":
		d.block.text.WriteString(e.Delta.JSON)
	}
}

// end emits what comes whole: a call, or the verbatim form of a block of thinking.
func (d *decoder) end(emit wire.Emit) {
	b := &d.block
	switch b.kind {
	case "thinking":
		if b.signature == "" && b.text.Len() == 0 {
			break
		}
		raw, err := json.Marshal(struct {
			Type      string `json:"type"`
			Thinking  string `json:"thinking"`
			Signature string `json:"signature,omitempty"` // not every service signs
		}{"thinking", b.text.String(), b.signature})
		if err == nil {
			say(emit, providers.Part{Raw: raw, By: d.svc.ID})
		}
	case "redacted_thinking":
		say(emit, providers.Part{Raw: b.start, By: d.svc.ID})
	case "tool_use":
		say(emit, providers.Part{Call: &providers.Call{ID: b.id, Name: b.name, Args: wire.Args(b.text.String())}})
	}
	d.block = streamed{}
}

// count takes the totals that come at the end; what is left out stays as it was.
func (d *decoder) count(u *usage) {
	if u == nil {
		return
	}
	d.usage = usage{
		In: cmp.Or(u.In, d.usage.In), Out: cmp.Or(u.Out, d.usage.Out),
		Written: cmp.Or(u.Written, d.usage.Written), Read: cmp.Or(u.Read, d.usage.Read),
	}
}

func say(emit wire.Emit, p providers.Part) {
	if p.Text != "" || p.Thought != "" || p.Raw != nil || p.Call != nil {
		emit(providers.Delta{Part: p})
	}
}

var stops = map[string]providers.Stop{
	"end_turn": providers.StopEnd, "stop_sequence": providers.StopEnd, "pause_turn": providers.StopEnd,
	"max_tokens": providers.StopLength, "model_context_window_exceeded": providers.StopLength,
	"tool_use": providers.StopCall, "refusal": providers.StopRefused,
}
