package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgateway/channels"
	"chatgateway/channels/web"
	"chatgateway/commands"
	"chatgateway/internal/status"
	"chatgateway/login"
	"chatgateway/providers"
	"chatgateway/providers/catalog"
)

// bot answers as the core would: it takes each message once, grows answers, asks for keys in forms.
type bot struct {
	t    *testing.T
	busy sync.WaitGroup

	mu      sync.Mutex
	page    *web.Channel                // guarded by mu
	seen    map[channels.MessageID]bool // guarded by mu
	heard   []string                    // guarded by mu
	news    chan struct{}               // guarded by mu
	model   string                      // guarded by mu
	key     bool                        // guarded by mu: logged in
	stopped chan struct{}               // guarded by mu: closed by /stop
	hold    chan struct{}               // guarded by mu: closed by release
}

func newBot(t *testing.T) *bot {
	return &bot{t: t, seen: map[channels.MessageID]bool{}, news: make(chan struct{}), stopped: make(chan struct{}), hold: make(chan struct{})}
}

func (b *bot) setPage(p *web.Channel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.page = p
}

func (b *bot) wait() { b.busy.Wait() }

func (b *bot) texts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.heard...)
}

// release lets an answer go on that waits in its middle.
func (b *bot) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.hold)
	b.hold = make(chan struct{})
}

// set puts the gateway into a state: "new", "ready" or "trouble".
func (b *bot) set(state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.key, b.model = state != "new", ""
	if b.key {
		b.model = "anthropic/claude-sonnet-4-6"
	}
	close(b.news)
	b.news = make(chan struct{})
}

func (b *bot) handle(_ context.Context, batch channels.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range batch.Messages {
		if b.seen[m.ID] {
			continue
		}
		b.seen[m.ID] = true
		b.heard = append(b.heard, m.Text+string(m.Press))
		page, hold := b.page, b.hold
		if m.Text == "/stop" {
			close(b.stopped)
			b.stopped = make(chan struct{})
			continue
		}
		stopped := b.stopped
		b.busy.Go(func() {
			if err := b.answer(page, m, stopped, hold); err != nil && !errors.Is(err, context.Canceled) {
				b.t.Logf("bot: %q: %v", m.Text, err)
			}
		})
	}
	return nil
}

func (b *bot) answer(page *web.Channel, m channels.Message, stopped, hold <-chan struct{}) error {
	ctx := b.t.Context()
	key := strings.ReplaceAll(string(m.ID[len(m.ID)-8:]), "_", "-")
	say := func(text string, choices ...channels.Choice) error {
		_, err := page.Send(ctx, channels.Post{To: m.Conversation, Key: key, Text: text, Choices: choices})
		return err
	}
	word, rest, _ := strings.Cut(m.Text, " ")
	switch {
	case m.Press != "":
		return page.Edit(ctx, m.Answers, channels.Post{To: m.Conversation, Text: "From now on **" + strings.TrimPrefix(string(m.Press), "press-") + "** answers here."})
	case word == "grow" || strings.HasPrefix(word, "half"):
		return b.grow(ctx, page, m, key, stopped, hold)
	case word == "/login":
		return b.login(ctx, page, m, rest, say)
	case word == "/model" && rest != "":
		return say("From now on **" + rest + "** answers here.")
	case word == "/model":
		return say("Which model shall answer here?", channels.Choice{Label: "Claude Sonnet 4.6", Press: "press-Claude Sonnet 4.6"},
			channels.Choice{Label: "Claude Opus 4.6", Press: "press-Claude Opus 4.6"}, channels.Choice{Label: "Gemini 3 Pro", Press: "press-Gemini 3 Pro"},
			channels.Choice{Label: "More models…", Press: "press-more"}, channels.Choice{Label: "What they cost", URL: "https://example.org/prices"})
	case word == "code" || word == "How":
		return say(sample)
	case word == "evil":
		return say("<img src=x onerror=alert(1)> <script>alert(2)</script> [click](javascript:alert(3)) ![p](https://example.org/p.png) <b onclick=x>bold</b>")
	case len(m.Attachments) > 0:
		return say(fmt.Sprintf("You sent **%s**, %d bytes of %s.", m.Attachments[0].Name, len(m.Attachments[0].Data), m.Attachments[0].Type))
	default:
		return say("You said: " + m.Text)
	}
}

// grow answers word by word; "half" stops in the middle until it is released.
func (b *bot) grow(ctx context.Context, page *web.Channel, m channels.Message, key string, stopped, hold <-chan struct{}) error {
	if err := page.Typing(ctx, m.Conversation); err != nil {
		return err
	}
	words := strings.SplitAfter(sample, " ")
	var id channels.MessageID
	all, half := "", strings.HasPrefix(m.Text, "half")
	for i, w := range words {
		all += w
		if i%3 != 0 && i < len(words)-1 {
			continue
		}
		p := channels.Post{To: m.Conversation, Key: key, Text: all, Partial: i < len(words)-1}
		var err error
		if id == "" {
			id, err = page.Send(ctx, p)
		} else {
			err = page.Edit(ctx, id, p)
		}
		if err != nil {
			return err
		}
		if half && strings.Contains(all, "continue") {
			half = false
			select {
			case <-hold:
			case <-stopped:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-stopped:
			return page.Edit(ctx, id, channels.Post{To: m.Conversation, Text: all + "\n\n*Stopped.*"})
		case <-time.After(15 * time.Millisecond): // as fast as a model speaks
		}
	}
	return nil
}

func (b *bot) login(ctx context.Context, page *web.Channel, m channels.Message, provider string, say func(string, ...channels.Choice) error) error {
	step := login.Step{
		Text: "Paste your **API key**. You make one on the provider's page.", URL: "https://example.org/keys", Label: "Where keys are made",
		Field: &login.Field{Name: "API key", Secret: true, Check: func(s string) error {
			if !strings.HasPrefix(s, "sk-fake-") {
				return errors.New("This does not look like a key: it should begin with sk-fake-.")
			}
			return nil
		}},
		Expires: time.Now().Add(10 * time.Minute),
	}
	_, err := page.Ask(ctx, channels.Post{To: m.Conversation, Only: m.From}, step)
	if errors.Is(err, login.ErrCanceled) {
		return say("Nothing was changed.")
	}
	if err != nil {
		return err
	}
	b.set("ready")
	return say("You are logged in to **"+provider+"**. The key works; 12 models are there. *Claude Sonnet 4.6* answers from now on.", channels.Choice{Label: "Choose another model", Press: "press-choose"})
}

// post shows a message that nobody asked for.
func (b *bot) post(text string) error {
	c, err := b.page.Direct(b.t.Context(), web.Owner)
	if err != nil {
		return err
	}
	_, err = b.page.Send(b.t.Context(), channels.Post{To: c, Text: text})
	return err
}

func (b *bot) menu() []channels.Command {
	return []channels.Command{
		{Name: "help", Help: "Lists what can be done"},
		{Name: "login", Help: "Logs in to a model service", Args: []channels.Arg{
			{Name: "provider", Help: "which service", Optional: true, Complete: func(_ context.Context, p string) (out []string) {
				for _, id := range []string{"anthropic", "openai", "openai-codex", "google", "openrouter", "ollama"} {
					if strings.Contains(id, p) {
						out = append(out, id)
					}
				}
				return out
			}}, {Name: "key", Help: "its key", Optional: true, Secret: true}}},
		{Name: "logout", Help: "Logs out of a service", Args: []channels.Arg{{Name: "provider"}}},
		{Name: "model", Help: "Chooses the model of this conversation", Args: []channels.Arg{{Name: "model", Optional: true}}},
		{Name: "new", Help: "Begins anew: forgets what was said here"},
		{Name: "retry", Help: "Answers the last question again"},
		{Name: "status", Help: "Says what the gateway is doing"},
		{Name: "stop", Help: "Stops the answer"},
	}
}

// Status implements console.Source.
func (b *bot) Status(context.Context) status.Gateway {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	g := status.Gateway{
		Version: "0.1.0", PID: os.Getpid(), Home: "~/.gateway", Started: now.Add(-3 * time.Hour), Model: b.model,
		Channels: []status.Channel{
			{Account: "web", Service: "web", State: status.Connected, Since: now.Add(-3 * time.Hour)},
			{Account: "telegram", Service: "telegram", State: status.Connected, Bot: "@my_fake_bot", Since: now.Add(-2 * time.Hour), Sources: []status.Source{{Field: "bot_token", From: "channels.json"}}},
			{Account: "slack", Service: "slack", State: status.Rejected, Detail: "Slack refused the token. Set another one: gateway channels set slack bot_token.", Since: now.Add(-time.Hour), Sources: []status.Source{{Field: "bot_token", From: "SLACK_BOT_TOKEN"}, {Field: "app_token"}}},
			{Account: "discord", Service: "discord", State: status.Off, Detail: "There is no bot_token: gateway channels set discord bot_token, or DISCORD_BOT_TOKEN.", Sources: []status.Source{{Field: "bot_token"}}},
		},
	}
	for _, p := range [][2]string{{"anthropic", "Anthropic"}, {"openai", "OpenAI"}, {"google", "Google Gemini"}, {"openrouter", "OpenRouter"}, {"groq", "Groq"}} {
		s := status.Provider{ID: p[0], Name: p[1], State: "missing"}
		if b.key && p[0] == "anthropic" {
			s = status.Provider{ID: p[0], Name: p[1], Configured: true, Source: "stored", Method: "key", State: "ok", InUse: true}
		}
		if b.key && p[0] == "openai" {
			s = status.Provider{ID: p[0], Name: p[1], Configured: true, Source: "env", Label: "OPENAI_API_KEY", Method: "key", State: "cooling", CoolUntil: now.Add(4 * time.Minute), LastError: "The account has no credit left."}
		}
		g.Providers = append(g.Providers, s)
	}
	g.Providers = append(g.Providers, status.Provider{ID: "ollama", Name: "Ollama", Configured: true, Source: "none needed", State: "ok"},
		status.Provider{ID: "lmstudio", Name: "LM Studio", Configured: true, Source: "none needed", State: "ok"})
	if b.key {
		g.ModelFrom = "first login"
	}
	return g
}

// LocalServers implements console.Source.
func (b *bot) LocalServers(context.Context) []commands.Local {
	return []commands.Local{{Provider: "ollama", Name: "Ollama", URL: "http://127.0.0.1:11434", Models: 3}}
}

// Models implements console.Source.
func (b *bot) Models(context.Context, string) (list []commands.Model, notes []string) {
	for _, m := range []catalog.Model{{ID: "claude-sonnet-4-6", Name: "Claude Sonnet 4.6", Window: 1_000_000, Sees: true, Thinks: true}, {ID: "claude-opus-4-6", Name: "Claude Opus 4.6", Window: 200_000, Sees: true}, {ID: "claude-haiku-4-5", Name: "Claude Haiku 4.5"}} {
		list = append(list, commands.Model{Ref: providers.Ref{Provider: "anthropic", Model: m.ID}, Model: m})
	}
	list = append(list, commands.Model{Ref: providers.Ref{Provider: "ollama", Model: "qwen3:8b"}, Model: catalog.Model{ID: "qwen3:8b", Window: 40960}})
	return list, []string{"OpenAI: the account has no credit left"}
}

// Changed implements console.Source.
func (b *bot) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.news
}

// LooksSecret implements web.Core.
func (b *bot) LooksSecret(text string) bool { return strings.HasPrefix(text, "sk-fake-") }

// Model implements web.Core.
func (b *bot) Model(context.Context, channels.AccountID, channels.ConversationID) (string, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.model, "first login"
}

// Forget implements web.Core.
func (b *bot) Forget(context.Context, channels.AccountID, channels.ConversationID) error { return nil }

// sample has of everything that an answer may be made of.
const sample = "A **gateway** passes messages between people and models. Here is how one is *asked*:\n\n" +
	"1. It reads the message and keeps it, so that nothing is lost.\n2. It finds a credential that is good now.\n3. It shows the answer as it grows:\n   - in edits, where a service has them\n   - whole, where it has not\n\n" +
	"```go\nfunc (g *Gateway) receive(ctx context.Context, b channels.Batch) error {\n\tfor _, m := range b.Messages {\n\t\tif g.policy.Decide(ctx, m).Role == access.Nobody {\n\t\t\tcontinue // a stranger's text is never kept\n\t\t}\n\t}\n\treturn nil\n}\n```\n\n" +
	"| service | limit | edits |\n|---|---:|:-:|\n| Telegram | 4096 | yes |\n| Twitch | 500 | no |\n\n" +
	"> Nothing is kept of a secret.\n\nSee [the docs](https://example.org/docs) or run `gateway status`.\n"
