package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"chatgateway/access"
	"chatgateway/channels"
	"chatgateway/channels/channeltest"
	"chatgateway/commands"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/providers/providertest"
	"chatgateway/store"
)

// everybody is an owner.
type everybody struct{}

func (everybody) Decide(context.Context, channels.AccountID, channels.Message) access.Decision {
	return access.Decision{Role: access.Owner}
}

// BenchmarkTurn measures what the core adds to a message: from the service to the whole answer shown, with a model and
// a service that take no time. Every turn has a conversation of its own. "full" syncs the disk before each first word.
func BenchmarkTurn(b *testing.B) {
	for _, sync := range []string{"normal", "full"} {
		b.Run(sync, func(b *testing.B) { benchmarkTurn(b, sync) })
	}
}

func benchmarkTurn(b *testing.B, sync string) {
	chat, model, log := channeltest.NewFake(), providertest.New("fake"), slog.New(slog.DiscardHandler)
	model.Forget()
	st, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "gateway.db"), store.Options{Sync: sync, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	auth := providerauth.New(providerauth.Options{Store: providerauth.NewMemory(), Schemes: []providerauth.Scheme{model.Auth()}, Env: func(string) string { return "" }, Log: log})
	if err := auth.Put(b.Context(), "fake", providerauth.Credential{Type: providerauth.Key, Key: providertest.Key("bench")}); err != nil {
		b.Fatal(err)
	}
	g := New(Options{Store: st, Auth: auth, Providers: func() []providers.Provider { return []providers.Provider{model} }, Policy: everybody{},
		Commands: commands.All(), Settings: Settings{Model: "fake/large"}, Log: log})
	g.Apply([]Account{{ID: "chat", Service: chat.Service("chat"), Settings: &channeltest.FakeSettings{}, Version: "1",
		Secrets: channeltest.NewSecrets(map[string]string{"token": channeltest.GoodToken})}})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		who := fmt.Sprintf("p%d", n)
		chat.Say(b, channeltest.Line{Person: who, Text: "hello"})
		for {
			_, change := chat.Log()
			if s := chat.Shown(b, who, false); len(s) > 0 && s[0].Text == "echo: hello" {
				break
			}
			<-change
		}
	}
}
