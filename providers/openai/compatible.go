package openai

import (
	"net/url"
	"os"
	"strings"

	"chatgateway/internal/lazyregexp"
	"chatgateway/providers"
	"chatgateway/providers/wire"
	"chatgateway/providers/wire/chat"
)

// row is one service. The zero value of every field is what most services do.
type row struct {
	id, name string
	base     string // ${NAME} is a variable; ${NAME:word} has a default
	page     string // where keys are made
	env      []string
	aliases  []string
	dialect  chat.Dialect

	header   string            // the key goes into this header, not into Authorization
	list     string            // URL of the list of models; "": {base}/models; none: there is none
	check    string            // path or URL that shows whether a key is good; "": the list; or ask, or none
	siblings []wire.Site       // other sites, for keys that are good at one of them only
	where    string            // what the site at base is called, where there are siblings
	plans    bool              // a key at the wrong site is told that it has no credit
	also     []string          // further hosts that the key may go to
	notKeys  map[string]string // beginnings of keys that belong elsewhere, and what to say
	keep     func(id string) bool
	words    map[string]error // its own error codes

	// route gives a model's format and base URL, where they differ by model.
	route func(id, base string) (format, string)

	responses      bool // speaks Responses
	noKey          bool // works without a key
	restrictedKeys bool // has keys that may chat and not list
	ownerName      bool // check answers with the name of who owns the key
	deployments    bool // configured models are all there are
}

// format is one of the wire formats.
type format int

// The formats.
const (
	inChat format = iota
	inResponses
	inMessages
)

// What row.check and row.list may be besides.
const (
	none = "-"
	ask  = "ask" // the list is open to all and proves nothing: put a question of one word
)

var openAI = row{id: "openai", name: "OpenAI", base: "https://api.openai.com/v1", page: "https://platform.openai.com/api-keys",
	env: []string{"OPENAI_API_KEY"}, responses: true, restrictedKeys: true, keep: isOpenAI,
	notKeys: map[string]string{
		"sk-ant-": "This is a key of Anthropic. Use it with /login anthropic.",
		"sk-or-":  "This is a key of OpenRouter. Use it with /login openrouter.",
	}}

// openAIs are the beginnings of OpenAI's models to chat with; its list has much else.
var openAIs = lazyregexp.New(`^(gpt-|o\d|chatgpt-|codex-|ft:gpt-)`)

var openAINot = lazyregexp.New(`(audio|search|instruct|image|live)`)

func isOpenAI(id string) bool { return openAIs.MatchString(id) && !openAINot.MatchString(id) }

// table is every compatible service that is known by name: adding one is one line. A variable stands with one service
// only.
var table = []row{
	{id: "xai", name: "xAI", base: "https://api.x.ai/v1", page: "https://console.x.ai", env: []string{"XAI_API_KEY"}, aliases: []string{"grok", "x-ai"}, check: "/api-key"},
	{id: "groq", name: "Groq", base: "https://api.groq.com/openai/v1", page: "https://console.groq.com/keys", env: []string{"GROQ_API_KEY"}, dialect: chat.Dialect{MaxCompletion: true}},
	{id: "cerebras", name: "Cerebras", base: "https://api.cerebras.ai/v1", page: "https://cloud.cerebras.ai", env: []string{"CEREBRAS_API_KEY"}, dialect: chat.Dialect{MaxCompletion: true}},
	{id: "mistral", name: "Mistral", base: "https://api.mistral.ai/v1", page: "https://console.mistral.ai/api-keys", env: []string{"MISTRAL_API_KEY"}, dialect: chat.Dialect{NoStreamOptions: true, ShortIDs: true, Effort: chat.ByNothing}},
	{id: "openrouter", name: "OpenRouter", base: "https://openrouter.ai/api/v1", page: "https://openrouter.ai/keys", env: []string{"OPENROUTER_API_KEY"}, check: "/key", dialect: chat.Dialect{Effort: chat.ByObject, Files: true}},
	{id: "kimi", name: "Kimi (Moonshot)", base: "https://api.moonshot.ai/v1", page: "https://platform.moonshot.ai", env: []string{"MOONSHOT_API_KEY"}, aliases: []string{"moonshot", "moonshotai"}, dialect: chat.Dialect{Effort: chat.ByToggle},
		where: "the international site", siblings: []wire.Site{{Where: "the site in China", Base: "https://api.moonshot.cn/v1"}}, notKeys: map[string]string{"sk-kimi-": "This is a key of Kimi Code, which is another product. Use it with /login kimi-code."}},
	{id: "sarvam", name: "Sarvam", base: "https://api.sarvam.ai/v1", page: "https://dashboard.sarvam.ai", env: []string{"SARVAM_API_KEY"}, check: ask},
	{id: "krutrim", name: "Krutrim", base: "https://cloud.olakrutrim.com/v1", page: "https://cloud.olakrutrim.com", env: []string{"KRUTRIM_API_KEY"}, check: none, dialect: chat.Dialect{NoStreamOptions: true}},
	{id: "nvidia", name: "NVIDIA", base: "https://integrate.api.nvidia.com/v1", page: "https://build.nvidia.com/settings/api-keys", env: []string{"NVIDIA_API_KEY"}, check: ask},
	{id: "zai", name: "Z.AI", base: "https://api.z.ai/api/paas/v4", page: "https://z.ai", env: []string{"ZAI_API_KEY", "Z_AI_API_KEY", "ZHIPU_API_KEY"}, aliases: []string{"z.ai", "glm", "zhipu"}, check: ask, plans: true, words: zaiWords, dialect: chat.Dialect{Effort: chat.ByToggle},
		where: "the general API", siblings: []wire.Site{{Where: "the Coding Plan", Base: "https://api.z.ai/api/coding/paas/v4"}, {Where: "the site in China", Base: "https://open.bigmodel.cn/api/paas/v4"}}},
	{id: "deepseek", name: "DeepSeek", base: "https://api.deepseek.com", page: "https://platform.deepseek.com/api_keys", env: []string{"DEEPSEEK_API_KEY"}, check: "/user/balance", dialect: chat.Dialect{Effort: chat.ByToggle}},
	{id: "together", name: "Together", base: "https://api.together.xyz/v1", page: "https://api.together.ai/settings/api-keys", env: []string{"TOGETHER_API_KEY"}, aliases: []string{"togetherai"}},
	{id: "fireworks", name: "Fireworks", base: "https://api.fireworks.ai/inference/v1", page: "https://app.fireworks.ai/settings/users/api-keys", env: []string{"FIREWORKS_API_KEY"}},
	{id: "lmstudio", name: "LM Studio", base: lmStudioBase, env: []string{"LMSTUDIO_API_KEY", "LM_API_TOKEN"}, aliases: []string{"lm-studio"}, noKey: true},
	{id: "qwen", name: "Qwen (DashScope)", base: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", page: "https://modelstudio.console.alibabacloud.com", env: []string{"DASHSCOPE_API_KEY", "QWEN_API_KEY", "MODELSTUDIO_API_KEY"}, aliases: []string{"dashscope", "alibaba"}, dialect: chat.Dialect{Effort: chat.BySwitch},
		where: "the international site", siblings: []wire.Site{{Where: "the site in China", Base: "https://dashscope.aliyuncs.com/compatible-mode/v1"}, {Where: "the site in the USA", Base: "https://dashscope-us.aliyuncs.com/compatible-mode/v1"}, {Where: "the Coding Plan", Base: "https://coding-intl.dashscope.aliyuncs.com/v1"}}},
	{id: "kimi-code", name: "Kimi Code", base: "https://api.kimi.com/coding/v1", page: "https://www.kimi.com/code", env: []string{"KIMI_API_KEY", "KIMI_CODING_API_KEY", "KIMICODE_API_KEY"}, dialect: chat.Dialect{Effort: chat.ByToggle}},
	{id: "github-models", name: "GitHub Models", base: "https://models.github.ai/inference", page: "https://github.com/settings/personal-access-tokens", list: "https://models.github.ai/catalog/models"},
	{id: "huggingface", name: "Hugging Face", base: "https://router.huggingface.co/v1", page: "https://huggingface.co/settings/tokens", env: []string{"HF_TOKEN", "HUGGINGFACE_HUB_TOKEN"}, aliases: []string{"hf"}, check: "https://huggingface.co/api/whoami-v2", ownerName: true, also: []string{"huggingface.co"}},
	{id: "azure", name: "Azure OpenAI", base: "${AZURE_OPENAI_ENDPOINT:https://${AZURE_RESOURCE_NAME}.openai.azure.com}/openai/v1", page: "https://portal.azure.com", env: []string{"AZURE_OPENAI_API_KEY", "AZURE_API_KEY"}, header: "api-key", deployments: true, dialect: chat.Dialect{MaxCompletion: true}},
	{id: "bedrock", name: "Amazon Bedrock", base: "https://bedrock-mantle.${AWS_REGION:us-east-1}.api.aws/v1", page: "https://console.aws.amazon.com/bedrock", env: []string{"AWS_BEARER_TOKEN_BEDROCK"}, aliases: []string{"aws"}, dialect: chat.Dialect{MaxCompletion: true}, route: onBedrock},
	{id: "vercel", name: "Vercel AI Gateway", base: "https://ai-gateway.vercel.sh/v1", page: "https://vercel.com/dashboard", env: []string{"AI_GATEWAY_API_KEY", "VERCEL_API_KEY"}, check: ask},
	{id: "chutes", name: "Chutes", base: "https://llm.chutes.ai/v1", page: "https://chutes.ai/app/settings/api-keys", env: []string{"CHUTES_API_KEY"}, check: ask},
	{id: "opencode", name: "OpenCode Zen", base: "https://opencode.ai/zen/v1", page: "https://opencode.ai", env: []string{"OPENCODE_API_KEY"}, aliases: []string{"zen"}, check: ask, keep: onZen, route: zen},
	{id: "perplexity", name: "Perplexity", base: "https://api.perplexity.ai", page: "https://www.perplexity.ai/account/api/keys", env: []string{"PERPLEXITY_API_KEY"}, list: none, check: ask, dialect: chat.Dialect{NoStreamOptions: true}},
	{id: "kilocode", name: "Kilo Gateway", base: "https://api.kilo.ai/api/gateway", page: "https://app.kilo.ai", env: []string{"KILOCODE_API_KEY", "KILO_API_KEY"}, aliases: []string{"kilo"}, check: ask, dialect: chat.Dialect{Effort: chat.ByObject}},
}

// zaiWords are Z.AI's codes (docs.z.ai/api-reference/api-code).
var zaiWords = map[string]error{
	"1000": providers.ErrUnauthorized, "1001": providers.ErrUnauthorized, "1002": providers.ErrUnauthorized, "1003": providers.ErrUnauthorized, "1004": providers.ErrUnauthorized,
	"1113": providers.ErrBilling, "1211": providers.ErrNoModel, "1261": providers.ErrTooLong, "1301": providers.ErrRefused,
	"1302": providers.ErrRateLimited, "1303": providers.ErrRateLimited, "1304": providers.ErrRateLimited, "1305": providers.ErrOverloaded, "1308": providers.ErrRateLimited,
}

// onZen leaves out the models that OpenCode serves in formats that this provider does not speak there.
func onZen(id string) bool {
	return !strings.HasPrefix(id, "claude-") && !strings.HasPrefix(id, "gemini-")
}

// zen is how OpenCode serves a model: OpenAI's in Responses, others in Chat Completions.
func zen(id, base string) (format, string) {
	if strings.HasPrefix(id, "gpt-") {
		return inResponses, base
	}
	return inChat, base
}

// onBedrock is how Amazon's mantle endpoint serves a model (docs.aws.amazon.com/bedrock, "Endpoints supported by
// Amazon Bedrock"): Claude in Messages, OpenAI's newer ones in Responses, others in Chat Completions.
func onBedrock(id, base string) (format, string) {
	root := strings.TrimSuffix(base, "/v1")
	switch {
	case strings.HasPrefix(id, "anthropic."):
		return inMessages, root + "/anthropic"
	case strings.HasPrefix(id, "openai.gpt-") && !strings.HasPrefix(id, "openai.gpt-oss"):
		return inResponses, root + "/openai/v1"
	}
	return inChat, base
}

// Compatible lists the ids of the table, in its order.
func Compatible() []string {
	ids := make([]string, len(table))
	for i := range table {
		ids[i] = table[i].id
	}
	return ids
}

// NewKnown makes the service of the table with this id; nil if there is none.
func NewKnown(id string, o providers.Options) *Provider {
	for _, r := range table {
		if r.id == id {
			return build(r, o)
		}
	}
	return nil
}

// NewCompatible makes a service of one's own at o.BaseURL, under o.ID. format is "chat" (or "") or "responses".
func NewCompatible(o providers.Options, format string) *Provider {
	r := row{id: o.ID, name: o.Name, base: o.BaseURL, env: o.Env, responses: format == "responses"}
	if r.name == "" {
		r.name = o.ID
	}
	r.noKey = o.NoKey || wire.Local(o.BaseURL)
	return build(r, o)
}

// missing stands for a variable that is not set.
const missing = "missing.invalid"

var variable = lazyregexp.New(`\$\{([A-Z_]+)(?::([^${}]*))?\}`)

// expand puts the variables into a base URL, the inner ones first. Without one that it needs it is "".
func expand(base string, getenv func(string) string) string {
	if getenv == nil {
		getenv = os.Getenv
	}
	for variable.MatchString(base) {
		base = variable.ReplaceAllStringFunc(base, func(v string) string {
			m := variable.FindStringSubmatch(v)
			value := strings.TrimRight(getenv(m[1]), "/")
			if value == "" {
				value = m[2]
			}
			if value == "" {
				value = missing
			}
			return value
		})
	}
	if strings.Contains(base, missing) {
		return ""
	}
	return base
}

// hosts are the hosts of all of a service's URLs.
func (r row) hosts() []string {
	hosts := append([]string{}, r.also...)
	for _, u := range append([]string{r.base, r.list}, r.bases()...) {
		if p, err := url.Parse(u); err == nil && p.Hostname() != "" {
			hosts = append(hosts, p.Hostname())
		}
	}
	return unique(hosts)
}

func (r row) bases() (list []string) {
	for _, s := range r.siblings {
		list = append(list, s.Base)
	}
	return list
}

// sites are the sites of a provider, the first one too.
func (r row) sites() wire.Sites { return wire.SitesOf(r.where, r.base, r.siblings) }

func unique(list []string) (out []string) {
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
