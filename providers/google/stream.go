package google

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"

	"chatgateway/internal/sse"
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

type chunk struct {
	Candidates []struct {
		Index   int `json:"index"`
		Content struct {
			Parts []json.RawMessage `json:"parts"`
		} `json:"content"`
		FinishReason string `json:"finishReason"`
	} `json:"candidates"`
	Feedback *struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *struct {
		In       int `json:"promptTokenCount"`
		Out      int `json:"candidatesTokenCount"`
		Thoughts int `json:"thoughtsTokenCount"`
		Cached   int `json:"cachedContentTokenCount"`
	} `json:"usageMetadata"`
	Error json.RawMessage `json:"error"`
}

type streamedPart struct {
	Text      string `json:"text"`
	Thought   bool   `json:"thought"`
	Signature string `json:"thoughtSignature"`
	Call      *struct {
		ID   string          `json:"id"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"functionCall"`
}

// decoder reads a stream of GenerateContentResponse objects. It ends without a last word.
type decoder struct {
	svc    *wire.Service
	usage  *providers.Usage
	stop   providers.Stop
	called bool
}

// Event implements wire.Decoder.
func (d *decoder) Event(ev sse.Event, emit wire.Emit) (bool, error) {
	var c chunk
	if len(ev.Data) == 0 {
		return false, nil
	}
	if err := json.Unmarshal(ev.Data, &c); err != nil {
		return false, fmt.Errorf("decode a chunk: %w", err)
	}
	if c.Error != nil {
		return false, d.svc.Failure(http.StatusOK, nil, ev.Data)
	}
	if u := c.Usage; u != nil {
		d.usage = &providers.Usage{In: u.In, Out: u.Out + u.Thoughts, Cached: u.Cached}
	}
	if c.Feedback != nil && c.Feedback.BlockReason != "" {
		return false, &providers.Error{Kind: providers.ErrRefused, Provider: d.svc.Name}
	}
	for _, cand := range c.Candidates {
		if cand.Index != 0 {
			continue
		}
		for _, raw := range cand.Content.Parts {
			d.part(raw, emit)
		}
		if err := d.finish(cand.FinishReason); err != nil {
			return false, err
		}
	}
	return false, nil
}

// End implements wire.Decoder: the answer is complete once there was a reason to finish.
func (d *decoder) End(emit wire.Emit) bool {
	if d.stop == "" {
		return false
	}
	if d.called && d.stop == providers.StopEnd {
		d.stop = providers.StopCall
	}
	emit(providers.Delta{Usage: d.usage, Stop: d.stop})
	return true
}

// part emits one part, and behind it what must go back verbatim if it is signed.
func (d *decoder) part(raw json.RawMessage, emit wire.Emit) {
	var p streamedPart
	if json.Unmarshal(raw, &p) != nil {
		return
	}
	switch {
	case p.Call != nil:
		d.called = true
		emit(providers.Delta{Part: providers.Part{Call: &providers.Call{
			ID: cmp.Or(p.Call.ID, wire.NewCallID()), Name: p.Call.Name, Args: wire.Args(string(p.Call.Args))}}})
	case p.Text != "" && p.Thought:
		emit(providers.Delta{Part: providers.Part{Thought: p.Text}})
	case p.Text != "":
		emit(providers.Delta{Part: providers.Part{Text: p.Text}})
	}
	if p.Signature == "" {
		return
	}
	if p.Call == nil { // the text goes back as text; the service takes the signature in a part of its own
		raw, _ = json.Marshal(struct {
			Text      string `json:"text"`
			Signature string `json:"thoughtSignature"`
		}{"", p.Signature})
	}
	emit(providers.Delta{Part: providers.Part{Raw: raw, By: d.svc.ID}})
}

// finish takes the reason to finish, if there is one.
func (d *decoder) finish(reason string) error {
	switch reason {
	case "", "FINISH_REASON_UNSPECIFIED":
	case "MAX_TOKENS":
		d.stop = providers.StopLength
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT":
		d.stop = providers.StopRefused
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE":
		return &providers.Error{Kind: providers.ErrOverloaded, Provider: d.svc.Name, Code: reason}
	default:
		d.stop = providers.StopEnd
	}
	return nil
}
