package main

import (
	"cmp"
	"slices"

	"chatgateway/channels"
	"chatgateway/channels/discord"
	"chatgateway/channels/email"
	"chatgateway/channels/slack"
	"chatgateway/channels/telegram"
	"chatgateway/channels/terminal"
	"chatgateway/channels/twitch"
	"chatgateway/channels/web"
	"chatgateway/config"
	"chatgateway/providers"
	"chatgateway/providers/anthropic"
	"chatgateway/providers/codex"
	"chatgateway/providers/copilot"
	"chatgateway/providers/google"
	"chatgateway/providers/ollama"
	"chatgateway/providers/openai"
	"chatgateway/providers/own"
)

// services are the chat services, in the order in which they are shown. A new one is one line here.
func services() []channels.Service {
	return []channels.Service{
		web.Service,
		terminal.Service,
		telegram.Service,
		discord.Service,
		slack.Service,
		twitch.Service,
		email.Service,
	}
}

// builtin makes a provider.
type builtin struct {
	id   string
	make func(providers.Options) providers.Provider
}

// usual are the providers that /login offers first.
var usual = []string{"anthropic", "openai", "openai-codex", "github-copilot", "google", "ollama", "openrouter", "groq", "mistral"}

// builtins are the model providers, in the order in which they are shown and share variables. A new one is one line
// here; an OpenAI-compatible service is a line in providers/openai/compatible.go only.
func builtins() []builtin {
	list := []builtin{
		{"anthropic", func(o providers.Options) providers.Provider { return anthropic.New(o) }},
		{"openai", func(o providers.Options) providers.Provider { return openai.New(o) }},
		{"openai-codex", func(o providers.Options) providers.Provider { return codex.New(o) }},
		{"github-copilot", func(o providers.Options) providers.Provider { return copilot.New(o) }},
		{"google", func(o providers.Options) providers.Provider { return google.New(o) }},
		{"ollama", func(o providers.Options) providers.Provider { return ollama.New(o) }},
		{"ollama-cloud", func(o providers.Options) providers.Provider { return ollama.NewCloud(o) }},
		{"vertex", func(o providers.Options) providers.Provider { return google.NewVertex(o) }},
	}
	for _, id := range anthropic.Compatible() {
		list = append(list, builtin{id, func(o providers.Options) providers.Provider { return anthropic.NewKnown(id, o) }})
	}
	for _, id := range openai.Compatible() {
		list = append(list, builtin{id, func(o providers.Options) providers.Provider { return openai.NewKnown(id, o) }})
	}
	return list
}

// speaking makes a service of the owner's own that speaks one of the protocols.
func speaking(protocol string, o providers.Options) providers.Provider {
	switch protocol {
	case "anthropic":
		return anthropic.NewCompatible(o)
	case "google":
		return google.New(o)
	default:
		return openai.NewCompatible(o, protocol)
	}
}

// known is what config.yaml may name.
func known() config.Known {
	k := config.Known{Channels: map[string]func() any{}}
	for _, s := range services() {
		k.Channels[s.Name] = s.Settings
	}
	for _, b := range builtins() {
		k.Providers = append(k.Providers, b.id)
		k.Nicknames = append(k.Nicknames, b.make(providers.Options{ID: b.id}).Auth().Aliases...)
	}
	return k
}

// makeProviders makes the providers as config.yaml has them.
func makeProviders(c *config.Config) []providers.Provider {
	var list []providers.Provider
	var ids []string
	for _, b := range builtins() {
		ids = append(ids, b.id)
		p := c.Providers[b.id]
		if p.Enabled == nil || *p.Enabled {
			list = append(list, b.make(options(b.id, p)))
		}
	}
	for _, id := range sortedKeys(c.Providers) {
		p := c.Providers[id]
		if !slices.Contains(ids, id) && p.BaseURL != "" && (p.Enabled == nil || *p.Enabled) {
			o := options(id, p)
			o.ID, o.Name = id, id
			list = append(list, speaking(p.Protocol, o))
		}
	}
	for _, id := range sortedKeys(c.SignIn) {
		s := c.SignIn[id]
		o := providers.Options{ID: id, Name: cmp.Or(s.Name, id), BaseURL: s.BaseURL, Models: s.Models, SignIn: signIn(s.OAuth, true)}
		o.SignIn.Issuer, o.SignIn.Flow = s.Issuer, s.Flow
		list = append(list, own.New(o, speaking(s.Protocol, o)))
	}
	return list
}

// options are a provider's options as config.yaml has them.
func options(id string, p config.Provider) providers.Options {
	return providers.Options{
		BaseURL: p.BaseURL, Models: p.Models,
		SignIn: signIn(p.OAuth, p.RestrictedSignIn),
	}
}

func signIn(o config.OAuth, restricted bool) providers.SignIn {
	return providers.SignIn{
		Restricted: restricted, AuthorizeURL: o.AuthorizeURL, TokenURL: o.TokenURL, DeviceURL: o.DeviceURL, RevokeURL: o.RevokeURL,
		RedirectURL: o.RedirectURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes,
	}
}
