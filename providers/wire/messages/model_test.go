package messages

import (
	"testing"

	"chatgateway/providers/catalog"
)

func TestAdaptive(t *testing.T) {
	for id, want := range map[string]bool{
		"claude-opus-5-5": true, "claude-sonnet-5": true, "claude-fable-5-1": true, "claude-opus-4-6": true, "claude-opus-4-8": true, "claude-mythos-preview": true,
		"claude-opus-4-5-20251101": false, "claude-haiku-4-5": false, "claude-sonnet-4-20250514": false, "claude-3-7-sonnet-20250219": false, "MiniMax-M2.5": false, "anthropic.claude-opus-4-8": true, "us.anthropic.claude-3-haiku-20240307-v1:0": false,
	} {
		if adaptive(id) != want {
			t.Errorf("adaptive(%s) is %v", id, !want)
		}
	}
}

func TestFor(t *testing.T) {
	for id, always := range map[string]bool{"claude-opus-5-5": true, "claude-sonnet-5-5": false, "claude-opus-4-8": false, "claude-haiku-4-5": false, "claude-unheard-of-7": true} {
		m, _ := catalog.Lookup("anthropic", id)
		if d := For(m); d.Always != always || d.MaxOut == 0 {
			t.Errorf("%s: got %+v", id, d)
		}
	}
}

func TestForElsewhere(t *testing.T) {
	m, _ := catalog.Lookup("bedrock", "anthropic.claude-opus-4-8")
	if d := For(m); d.MaxOut != 128_000 || !d.Adaptive || d.Always {
		t.Errorf("got %+v", d)
	}
}
