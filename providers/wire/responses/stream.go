package responses

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"

	"chatgateway/internal/sse"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

type event struct {
	Type         string          `json:"type"`
	Delta        string          `json:"delta"`
	SummaryIndex int             `json:"summary_index"`
	Item         json.RawMessage `json:"item"`
	Response     *struct {
		Status     string `json:"status"`
		Incomplete *struct {
			Reason string `json:"reason"`
		} `json:"incomplete_details"`
		Usage *struct {
			In      int `json:"input_tokens"`
			Out     int `json:"output_tokens"`
			Details struct {
				Cached int `json:"cached_tokens"`
			} `json:"input_tokens_details"`
		} `json:"usage"`
	} `json:"response"`
}

// output is what is read of an item that is done.
type output struct {
	Type      string  `json:"type"`
	CallID    string  `json:"call_id"`
	Name      string  `json:"name"`
	Arguments string  `json:"arguments"`
	Encrypted *string `json:"encrypted_content"`
}

// decoder reads a stream of Responses' events.
type decoder struct {
	svc     *wire.Service
	called  bool
	refused bool
}

// Event implements wire.Decoder.
func (d *decoder) Event(ev sse.Event, emit wire.Emit) (bool, error) {
	if len(ev.Data) == 0 || string(ev.Data) == "[DONE]" {
		return false, nil
	}
	var e event
	if err := json.Unmarshal(ev.Data, &e); err != nil {
		return false, fmt.Errorf("decode an event: %w", err)
	}
	switch cmp.Or(e.Type, ev.Name) {
	case "response.output_text.delta":
		emit(providers.Delta{Part: providers.Part{Text: e.Delta}})
	case "response.refusal.delta":
		d.refused = true
		emit(providers.Delta{Part: providers.Part{Text: e.Delta}})
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		emit(providers.Delta{Part: providers.Part{Thought: e.Delta}})
	case "response.reasoning_summary_part.added":
		if e.SummaryIndex > 0 {
			emit(providers.Delta{Part: providers.Part{Thought: "\n\n"}})
		}
	case "response.output_item.done":
		d.item(e.Item, emit)
	case "response.completed", "response.incomplete", "response.done":
		emit(d.last(e))
		return true, nil
	case "response.failed", "error":
		return false, d.svc.Failure(http.StatusOK, nil, ev.Data)
	}
	return false, nil
}

// End implements wire.Decoder: without response.completed the answer is not complete.
func (d *decoder) End(wire.Emit) bool { return false }

// item emits what comes whole: calls, and reasoning that can go back.
func (d *decoder) item(raw json.RawMessage, emit wire.Emit) {
	var o output
	if json.Unmarshal(raw, &o) != nil {
		return
	}
	switch o.Type {
	case "reasoning":
		if o.Encrypted != nil && *o.Encrypted != "" { // without, the service would look for what it did not store
			emit(providers.Delta{Part: providers.Part{Raw: raw, By: d.svc.ID}})
		}
	case "function_call":
		d.called = true
		emit(providers.Delta{Part: providers.Part{Call: &providers.Call{
			ID: cmp.Or(o.CallID, wire.NewCallID()), Name: o.Name, Args: wire.Args(o.Arguments)}}})
	}
}

func (d *decoder) last(e event) providers.Delta {
	last := providers.Delta{Stop: providers.StopEnd}
	if d.called {
		last.Stop = providers.StopCall
	}
	if d.refused {
		last.Stop = providers.StopRefused
	}
	if e.Response == nil {
		return last
	}
	if i := e.Response.Incomplete; i != nil {
		last.Stop = providers.StopLength
		if i.Reason == "content_filter" {
			last.Stop = providers.StopRefused
		}
	}
	if u := e.Response.Usage; u != nil {
		last.Usage = &providers.Usage{In: u.In, Out: u.Out, Cached: u.Details.Cached}
	}
	return last
}
