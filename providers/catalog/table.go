package catalog

// The efforts that Request.Effort knows.
var (
	any4 = []string{"none", "low", "medium", "high"}
	any3 = []string{"low", "medium", "high"} // its thinking cannot be switched off
	on   = []string{"none", "high"}          // it is on or off
)

// models are the current models of the large providers, as their documentation had them in November 2026. It is no
// list of everything: the providers' own lists are, and this fills them in.
var models = map[string][]Model{
	// platform.claude.com/docs/en/models
	"anthropic": {
		{ID: "claude-opus-5-5", Name: "Claude Opus 5.5", Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any3, PriceIn: 4, PriceOut: 20, Preferred: true},
		{ID: "claude-fable-5-1", Name: "Claude Fable 5.1", Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any3, PriceIn: 10, PriceOut: 50},
		{ID: "claude-sonnet-5-5", Name: "Claude Sonnet 5.5", Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4, PriceIn: 2, PriceOut: 10},
		{ID: "claude-haiku-5-5", Name: "Claude Haiku 5.5", Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4},
		{ID: "claude-opus-5", Name: "Claude Opus 5", Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4, PriceIn: 5, PriceOut: 25},
		{ID: "claude-sonnet-5", Name: "Claude Sonnet 5", Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4, PriceIn: 2, PriceOut: 10},
		{ID: "claude-haiku-4-5", Name: "Claude Haiku 4.5", Window: 200_000, MaxOut: 64_000, Sees: true, Thinks: true, Efforts: any4, PriceIn: 1, PriceOut: 5},
	},
	// developers.openai.com/api/docs/models
	"openai": {
		{ID: "gpt-6-astra", Name: "GPT-6 Astra", Window: 1_050_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any3, PriceIn: 10, PriceOut: 50},
		{ID: "gpt-5.6-sol", Name: "GPT-5.6 Sol", Window: 1_050_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4, PriceIn: 4, PriceOut: 20},
		{ID: "gpt-5.6-terra", Name: "GPT-5.6 Terra", Window: 1_050_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4, PriceIn: 2, PriceOut: 12, Preferred: true},
		{ID: "gpt-5.6-luna", Name: "GPT-5.6 Luna", Sees: true, Thinks: true, Efforts: any4},
		{ID: "gpt-4.1", Name: "GPT-4.1", Window: 1_047_576, MaxOut: 32_768, Sees: true, PriceIn: 2, PriceOut: 8},
	},
	// ai.google.dev/gemini-api/docs/models
	"google": {
		{ID: "gemini-3.8-flash", Name: "Gemini 3.8 Flash", Window: 1_048_576, MaxOut: 65_536, Sees: true, Thinks: true, Efforts: any3, PriceIn: 0.75, PriceOut: 3.75, Preferred: true},
		{ID: "gemini-3.5-flash-lite", Name: "Gemini 3.5 Flash-Lite", Window: 1_048_576, MaxOut: 65_536, Sees: true, Thinks: true, Efforts: any3, PriceIn: 0.3, PriceOut: 2.5},
		{ID: "gemini-3.1-pro-preview", Name: "Gemini 3.1 Pro", Window: 1_048_576, MaxOut: 65_536, Sees: true, Thinks: true, Efforts: any3, PriceIn: 2, PriceOut: 12},
	},
	"xai": {
		{ID: "grok-4.5", Name: "Grok 4.5", Window: 500_000, Sees: true, Thinks: true, Efforts: any3, PriceIn: 2, PriceOut: 6, Preferred: true},
	},
	"kimi": {
		{ID: "kimi-k3", Name: "Kimi K3", Window: 1_048_576, MaxOut: 131_072, Sees: true, Thinks: true, Efforts: on, PriceIn: 3, PriceOut: 15, Preferred: true},
		{ID: "kimi-k2.6", Name: "Kimi K2.6", Window: 262_144, MaxOut: 32_768, Sees: true, Thinks: true, Efforts: on, PriceIn: 0.95, PriceOut: 4},
	},
	"zai": {
		{ID: "glm-5.3", Name: "GLM-5.3", Window: 1_000_000, MaxOut: 131_072, Blind: true, Thinks: true, Efforts: on, PriceIn: 1.4, PriceOut: 4.4, Preferred: true},
		{ID: "glm-5.3-flash", Name: "GLM-5.3 Flash", Window: 1_000_000, MaxOut: 131_072, Sees: true, Thinks: true, Efforts: on, PriceIn: 0.15, PriceOut: 0.5},
	},
	"deepseek": {
		{ID: "deepseek-v4-pro", Name: "DeepSeek V4 Pro", Window: 1_000_000, MaxOut: 384_000, Blind: true, Thinks: true, Efforts: on, PriceIn: 0.435, PriceOut: 0.87, Preferred: true},
		{ID: "deepseek-v4-flash", Name: "DeepSeek V4 Flash", Window: 1_000_000, MaxOut: 384_000, Blind: true, Thinks: true, Efforts: on, PriceIn: 0.14, PriceOut: 0.28},
	},
	"mistral": {
		{ID: "mistral-medium-3.5", Name: "Mistral Medium 3.5", Window: 256_000, Sees: true, PriceIn: 1.5, PriceOut: 7.5, Preferred: true},
		{ID: "mistral-small-2603", Name: "Mistral Small 4", Window: 128_000, Sees: true, PriceIn: 0.1, PriceOut: 0.3},
	},
	"minimax": {
		{ID: "MiniMax-M3", Name: "MiniMax M3", Window: 1_000_000, MaxOut: 131_072, Sees: true, Preferred: true},
		{ID: "MiniMax-M2.7", Name: "MiniMax M2.7", Window: 204_800, MaxOut: 131_072, Blind: true},
	},
	"qwen": {
		{ID: "qwen-plus", Name: "Qwen Plus", Thinks: true, Efforts: on, Preferred: true},
	},
	"groq": {
		{ID: "openai/gpt-oss-120b", Name: "GPT-OSS 120B", Window: 131_072, Blind: true, Thinks: true, Efforts: any3, Preferred: true},
	},
	"cerebras": {
		{ID: "gpt-oss-120b", Name: "GPT-OSS 120B", Window: 131_072, Blind: true, Thinks: true, Efforts: any3, PriceIn: 0.35, PriceOut: 0.75, Preferred: true},
		{ID: "qwen-3.8-27b", Name: "Qwen 3.8 27B", Window: 65_536, Sees: true, Thinks: true, Efforts: any4, PriceIn: 0.99, PriceOut: 1.49},
	},
	"openrouter": {
		{ID: "openrouter/auto", Name: "Auto", Preferred: true},
	},
	"kilocode": {
		{ID: "kilo/auto", Name: "Kilo Auto", Preferred: true},
	},
	"perplexity": {
		{ID: "sonar", Name: "Sonar", Window: 128_000, NoTools: true, Preferred: true},
		{ID: "sonar-pro", Name: "Sonar Pro", Window: 200_000, NoTools: true},
		{ID: "sonar-reasoning-pro", Name: "Sonar Reasoning Pro", Window: 128_000, NoTools: true},
		{ID: "sonar-deep-research", Name: "Sonar Deep Research", Window: 128_000, NoTools: true},
	},
}

// routed are the makers whose preferred models are preferred at services that serve the models of others, in this
// order.
var routed = []string{"anthropic", "openai", "google", "kimi", "zai", "deepseek", "cerebras"}

// vendors are the names by which routers know a model's maker.
var vendors = map[string]string{
	"anthropic": "anthropic", "openai": "openai", "google": "google", "models": "", "x-ai": "xai", "xai": "xai", "mistralai": "mistral", "mistral": "mistral",
	"deepseek": "deepseek", "deepseek-ai": "deepseek", "qwen": "qwen", "moonshotai": "kimi", "z-ai": "zai", "zai-org": "zai", "zhipuai": "zai",
	"minimax": "minimax", "minimaxai": "minimax", "meta": "meta", "meta-llama": "meta", "cohere": "cohere", "nvidia": "nvidia",
}

// family is what models whose names begin alike have in common.
type family struct {
	vendor, prefix string
	Model
}

var families = []family{
	{"anthropic", "claude-", Model{Window: 200_000, MaxOut: 32_000, Sees: true, Thinks: true, Efforts: any3}},
	{"anthropic", "claude-3", Model{Window: 200_000, MaxOut: 4_096, Sees: true}},
	{"anthropic", "claude-3-5", Model{Window: 200_000, MaxOut: 8_192, Sees: true}},
	{"anthropic", "claude-3-7", Model{Window: 200_000, MaxOut: 64_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-opus-4", Model{Window: 200_000, MaxOut: 32_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-opus-4-5", Model{Window: 200_000, MaxOut: 64_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-opus-4-6", Model{Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-opus-4-7", Model{Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-opus-4-8", Model{Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-sonnet-4", Model{Window: 200_000, MaxOut: 64_000, Sees: true, Thinks: true, Efforts: any4}},
	{"anthropic", "claude-fable-5", Model{Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any3}},
	{"anthropic", "claude-mythos", Model{Window: 1_000_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any3}},

	{"openai", "gpt-", Model{Sees: true, Thinks: true}},
	{"openai", "gpt-5", Model{Window: 400_000, MaxOut: 128_000, Sees: true, Thinks: true}},
	{"openai", "gpt-5.1", Model{Window: 400_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"openai", "gpt-5.2", Model{Window: 400_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"openai", "gpt-5.5", Model{Window: 1_050_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"openai", "gpt-5.6", Model{Window: 1_050_000, MaxOut: 128_000, Sees: true, Thinks: true, Efforts: any4}},
	{"openai", "gpt-5-chat", Model{Window: 128_000, MaxOut: 16_384, Sees: true}},
	{"openai", "gpt-4", Model{Window: 8_192, MaxOut: 4_096, Blind: true}},
	{"openai", "gpt-4.5", Model{Window: 128_000, MaxOut: 16_384, Sees: true}},
	{"openai", "gpt-4-vision", Model{Window: 128_000, MaxOut: 4_096, Sees: true}},
	{"openai", "gpt-4-1106-vision", Model{Window: 128_000, MaxOut: 4_096, Sees: true}},
	{"openai", "gpt-4-turbo", Model{Window: 128_000, MaxOut: 4_096, Sees: true}},
	{"openai", "gpt-4o", Model{Window: 128_000, MaxOut: 16_384, Sees: true}},
	{"openai", "gpt-4.1", Model{Window: 1_047_576, MaxOut: 32_768, Sees: true}},
	{"openai", "gpt-3.5", Model{Window: 16_385, MaxOut: 4_096, Blind: true}},
	{"openai", "gpt-oss", Model{Window: 131_072, Blind: true, Thinks: true, Efforts: any3}},
	{"openai", "chatgpt-", Model{Window: 128_000, MaxOut: 16_384, Sees: true}},
	{"openai", "o1", Model{Window: 200_000, MaxOut: 100_000, Sees: true, Thinks: true}},
	{"openai", "o1-mini", Model{Window: 128_000, MaxOut: 65_536, Blind: true, Thinks: true}},
	{"openai", "o3", Model{Window: 200_000, MaxOut: 100_000, Sees: true, Thinks: true}},
	{"openai", "o3-mini", Model{Window: 200_000, MaxOut: 100_000, Blind: true, Thinks: true}},
	{"openai", "o4-mini", Model{Window: 200_000, MaxOut: 100_000, Sees: true, Thinks: true}},
	{"openai", "codex-", Model{Thinks: true, Sees: true}},

	{"google", "gemini-", Model{Window: 1_048_576, Sees: true}},
	{"google", "gemini-2.5", Model{Window: 1_048_576, MaxOut: 65_536, Sees: true, Thinks: true, Efforts: any4}},
	{"google", "gemini-2.5-pro", Model{Window: 1_048_576, MaxOut: 65_536, Sees: true, Thinks: true, Efforts: any3}},
	{"google", "gemini-3", Model{Window: 1_048_576, MaxOut: 65_536, Sees: true, Thinks: true, Efforts: any3}},
	{"google", "gemma-3-1b", Model{Window: 32_768, Blind: true, NoTools: true}},

	{"minimax", "minimax-m2", Model{Window: 200_000, MaxOut: 128_000, Blind: true}},
	{"minimax", "minimax-m", Model{Window: 200_000, MaxOut: 64_000}},
	{"deepseek", "deepseek-", Model{Thinks: true, Efforts: on}},
	{"kimi", "kimi-k2", Model{Window: 262_144, Thinks: true, Efforts: on}},
	{"zai", "glm-", Model{Thinks: true, Efforts: on}},
}
