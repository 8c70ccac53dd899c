package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chatgateway/internal/lazyregexp"
	"chatgateway/providers/catalog"
)

// ParseModels reads a list of models in any of the shapes that services give it: {"data":[…]}, {"models":[…]},
// {"modelSummaries":[…]} or a bare array, of objects or of names. What is no model to chat with is left out, as far as
// it can be told.
func ParseModels(body []byte) ([]catalog.Model, error) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		var top struct {
			Data      []json.RawMessage `json:"data"`
			Models    []json.RawMessage `json:"models"`
			Summaries []json.RawMessage `json:"modelSummaries"`
		}
		if err := json.Unmarshal(body, &top); err != nil {
			return nil, fmt.Errorf("decode the list of models: %w", err)
		}
		list = slices.Concat(top.Data, top.Models, top.Summaries)
		if top.Data == nil && top.Models == nil && top.Summaries == nil {
			return nil, errors.New("decode the list of models: there is no list in it")
		}
	}
	models := []catalog.Model{}
	for _, b := range list {
		if m, ok := parseModel(b); ok {
			models = append(models, m)
		}
	}
	return models, nil
}

// listed is a model in the fields that services have for it.
type listed struct {
	ID          string          `json:"id"`
	Model       string          `json:"model"`
	ModelID     string          `json:"modelId"`
	Name        string          `json:"name"`
	ModelName   string          `json:"modelName"`
	DisplayName string          `json:"display_name"`
	Type        json.RawMessage `json:"type"`

	ContextLength  int `json:"context_length"`
	ContextWindow  int `json:"context_window"`
	MaxContext     int `json:"max_context_length"`
	MaxModelLen    int `json:"max_model_len"`
	MaxInputTokens int `json:"max_input_tokens"`
	MaxTokens      int `json:"max_tokens"`
	MaxCompletion  int `json:"max_completion_tokens"`

	Architecture struct {
		Input  []string `json:"input_modalities"`
		Output []string `json:"output_modalities"`
	} `json:"architecture"`
	Input        []string        `json:"inputModalities"`
	Output       []string        `json:"outputModalities"`
	Parameters   []string        `json:"supported_parameters"`
	SeesImages   bool            `json:"supports_image_in"`
	Reasons      bool            `json:"supports_reasoning"`
	Capabilities json.RawMessage `json:"capabilities"`
	Pricing      struct {
		Prompt     json.RawMessage `json:"prompt"` // dollars for one token
		Completion json.RawMessage `json:"completion"`
	} `json:"pricing"`
}

func parseModel(b json.RawMessage) (m catalog.Model, ok bool) {
	var name string
	if json.Unmarshal(b, &name) == nil {
		return catalog.Model{ID: name}, Chats(name)
	}
	var l listed
	_ = json.Unmarshal(b, &l) // an odd type in one field costs only what that field says
	m.ID = first(l.ID, l.ModelID, l.Model, l.Name)
	m.Name = first(l.DisplayName, l.ModelName, l.Name)
	if m.Name == m.ID {
		m.Name = ""
	}
	m.Window = max(0, l.ContextLength, l.ContextWindow, l.MaxContext, l.MaxModelLen, l.MaxInputTokens)
	m.MaxOut = max(0, l.MaxCompletion, l.MaxTokens)
	in, out := slices.Concat(l.Architecture.Input, l.Input), slices.Concat(l.Architecture.Output, l.Output)
	m.Sees = l.SeesImages || hasFold(in, "image")
	m.Thinks = l.Reasons || slices.Contains(l.Parameters, "reasoning") || slices.Contains(l.Parameters, "reasoning_effort")
	m.NoTools = len(l.Parameters) > 0 && !slices.Contains(l.Parameters, "tools")
	m.PriceIn, m.PriceOut = price(l.Pricing.Prompt), price(l.Pricing.Completion)
	chats := l.capabilities(&m) && (len(out) == 0 || hasFold(out, "text")) && !slices.Contains(noChat, strings.Trim(string(l.Type), `"`))
	return m, chats && Chats(m.ID)
}

// noChat are types of models, as some services have them.
var noChat = []string{"embedding", "embeddings", "image", "audio", "video", "rerank", "moderation", "transcribe", "tts"}

// capabilities reads a field that is an object at some services (Mistral, Anthropic) and a list at others.
func (l listed) capabilities(m *catalog.Model) (chats bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(l.Capabilities, &object) == nil {
		m.Sees = m.Sees || yes(object["vision"]) || yes(object["image_input"])
		m.Thinks = m.Thinks || yes(object["reasoning"]) || yes(object["thinking"])
		chat, told := object["completion_chat"]
		return !told || yes(chat)
	}
	var list []string
	if json.Unmarshal(l.Capabilities, &list) == nil {
		m.Sees = m.Sees || slices.Contains(list, "vision")
		m.Thinks = m.Thinks || slices.Contains(list, "thinking") || slices.Contains(list, "reasoning")
		return len(list) == 0 || !slices.Contains(list, "embedding") || slices.Contains(list, "completion")
	}
	return true
}

// yes reads true, or {"supported": true}.
func yes(b json.RawMessage) bool {
	var s struct {
		Supported bool `json:"supported"`
	}
	_ = json.Unmarshal(b, &s)
	return s.Supported || string(b) == "true"
}

// price turns dollars for a token, a text or a number, into dollars for a million.
func price(b json.RawMessage) float64 {
	p, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || !(p >= 0 && p <= 1) { // not a number, or none that anybody would pay
		return 0
	}
	const million = 1e6
	return float64(int(p*million*1000+0.5)) / 1000
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func hasFold(list []string, want string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, want) })
}

// other is in the names of models that do something else than chat.
var other = lazyregexp.New(`(?i)(embed|whisper|\btts|-tts|rerank|moderation|transcri|dall-e|stable-diffusion|\bflux|speech|\bbge-|\bocr\b|-ocr|imagen|\bveo-|\bsora|realtime|gpt-image|-image\b|babbage|davinci|playai|guard)`)

// Chats reports whether a model of this name may be one to chat with.
func Chats(id string) bool { return id != "" && !other.MatchString(id) }
