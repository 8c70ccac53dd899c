package main

import (
	"slices"
	"testing"

	"chatgateway/config"
	"chatgateway/providerauth"
)

// TestProviderIDs: no provider that people have logins with goes or changes its name, or the variable that its key is
// known by; "" for one that has no key, or shares its variable with
// one before it.
func TestProviderIDs(t *testing.T) {
	want := map[string]string{
		"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "google": "GEMINI_API_KEY", "xai": "XAI_API_KEY", "groq": "GROQ_API_KEY",
		"cerebras": "CEREBRAS_API_KEY", "mistral": "MISTRAL_API_KEY", "openrouter": "OPENROUTER_API_KEY", "minimax": "MINIMAX_API_KEY",
		"kimi": "MOONSHOT_API_KEY", "sarvam": "SARVAM_API_KEY", "krutrim": "KRUTRIM_API_KEY", "nvidia": "NVIDIA_API_KEY", "zai": "ZAI_API_KEY",
		"deepseek": "DEEPSEEK_API_KEY", "together": "TOGETHER_API_KEY", "fireworks": "FIREWORKS_API_KEY", "ollama": "", "ollama-cloud": "OLLAMA_API_KEY",
		"lmstudio": "LMSTUDIO_API_KEY", "qwen": "DASHSCOPE_API_KEY", "kimi-code": "KIMI_API_KEY", "github-copilot": "COPILOT_GITHUB_TOKEN",
		"github-models": "", "huggingface": "HF_TOKEN", "azure": "AZURE_OPENAI_API_KEY", "bedrock": "AWS_BEARER_TOKEN_BEDROCK", "vertex": "",
		"vercel": "AI_GATEWAY_API_KEY", "chutes": "CHUTES_API_KEY", "opencode": "OPENCODE_API_KEY", "openai-codex": "", "perplexity": "PERPLEXITY_API_KEY",
		"kilocode": "KILOCODE_API_KEY",
	}
	c, err := config.Parse("config.yaml", nil, known())
	if err != nil {
		t.Fatal(err)
	}
	list := schemes(makeProviders(c))
	for _, s := range list {
		variable, ok := want[s.ID]
		if !ok {
			t.Errorf("%s is not in the list: add it", s.ID)
		}
		if variable != "" && !slices.Contains(s.Env, variable) {
			t.Errorf("%s does not know %s but %v", s.ID, variable, s.Env)
		}
		delete(want, s.ID)
	}
	for id := range want {
		t.Errorf("there is no %s", id)
	}
	for alias, id := range map[string]string{"gemini": "google", "codex": "openai-codex", "claude": "anthropic", "moonshot": "kimi", "copilot": "github-copilot"} {
		if !slices.ContainsFunc(list, func(s providerauth.Scheme) bool { return s.ID == id && slices.Contains(s.Aliases, alias) }) {
			t.Errorf("%s is no other name of %s", alias, id)
		}
	}
}
