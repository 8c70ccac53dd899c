package slacktest

import (
	"encoding/json"
	"unicode/utf8"
)

// block is what is checked of a block, or of an element in one.
type block struct {
	Type     string          `json:"type"`
	BlockID  string          `json:"block_id"`
	ActionID string          `json:"action_id"`
	Text     json.RawMessage `json:"text"`
	Label    *textObject     `json:"label"`
	Element  *block          `json:"element"`
	Elements []block         `json:"elements"`
	Value    string          `json:"value"`
	URL      string          `json:"url"`
	Options  []option        `json:"options"`
	Holder   *textObject     `json:"placeholder"`
}

type textObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type option struct {
	Text  textObject `json:"text"`
	Value string     `json:"value"`
}

func (t *textObject) fits(max int) bool {
	n := 0
	if t != nil {
		n = utf8.RuneCountInString(t.Text)
	}
	return n >= 1 && n <= max
}

func (b block) text() *textObject {
	var t textObject
	if json.Unmarshal(b.Text, &t) != nil {
		return nil
	}
	return &t
}

// parse reads blocks that were found right.
func parse(raw json.RawMessage) (list []block) {
	_ = json.Unmarshal(raw, &list)
	return list
}

// checkBlocks refuses blocks that Slack refuses.
func checkBlocks(raw json.RawMessage, modal bool) error {
	if raw == nil {
		return nil
	}
	var list []block
	most := 50
	if modal {
		most = 100
	}
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || len(list) > most {
		return no("invalid_blocks")
	}
	ids := map[string]bool{}
	for _, b := range list {
		if !b.right(modal) || b.BlockID != "" && ids["block "+b.BlockID] {
			return no("invalid_blocks")
		}
		ids["block "+b.BlockID] = true
		for _, e := range b.Elements {
			if !e.element() || e.ActionID != "" && ids[e.ActionID] {
				return no("invalid_blocks")
			}
			ids[e.ActionID] = true
		}
	}
	return nil
}

func (b block) right(modal bool) bool {
	switch b.Type {
	case "section":
		return b.text().fits(3000)
	case "actions":
		return len(b.Elements) >= 1 && len(b.Elements) <= 25
	case "input":
		return modal && b.Label.fits(2000) && b.Element != nil && b.Element.Type == "plain_text_input"
	case "markdown", "divider", "header", "context", "rich_text":
		return true
	}
	return false
}

func (b block) element() bool {
	switch b.Type {
	case "button":
		return b.text().fits(75) && len(b.ActionID) <= 255 && len(b.Value) <= 2000 && len(b.URL) <= 3000
	case "static_select":
		for _, o := range b.Options {
			if !o.Text.fits(75) || o.Value == "" || len(o.Value) > 150 {
				return false
			}
		}
		return len(b.Options) >= 1 && len(b.Options) <= 100 && (b.Holder == nil || b.Holder.fits(150))
	}
	return b.Type == "mrkdwn" || b.Type == "plain_text" || b.Type == "rich_text_section"
}
