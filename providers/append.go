package providers

// Append adds a piece of an answer to the parts before it: text to text, thinking to thinking, and the verbatim form
// of a thought to the thought before it. So the parts of an answer are what its deltas come to:
//
//	for d, err := range stream {
//		parts = providers.Append(parts, d.Part)
//	}
func Append(parts []Part, p Part) []Part {
	if p.empty() {
		return parts
	}
	if len(parts) == 0 {
		return append(parts, p)
	}
	switch last := &parts[len(parts)-1]; {
	case p.Text != "" && last.onlyText():
		last.Text += p.Text
	case p.Thought != "" && p.Raw == nil && last.onlyThought():
		last.Thought += p.Thought
	case p.Raw != nil && p.Thought == "" && last.onlyThought():
		last.Raw, last.By = p.Raw, p.By
	default:
		parts = append(parts, p)
	}
	return parts
}

func (p Part) empty() bool {
	return p.Text == "" && p.Thought == "" && p.Blob == nil && p.Call == nil && p.Result == nil && p.Raw == nil
}

func (p Part) onlyText() bool { return p.Text != "" && p.Raw == nil }

func (p Part) onlyThought() bool { return p.Thought != "" && p.Raw == nil }
