package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"chatgateway/commands"
	"chatgateway/providers/ollama"
	"chatgateway/providers/openai"
)

// localsFresh is how long what was found on this host holds.
const localsFresh = 30 * time.Second

// localCache remembers which model servers run on this host.
type localCache struct {
	mu   sync.Mutex
	list []commands.Local // guarded by mu
	when time.Time        // guarded by mu
}

// locals finds model servers on this host that need no key: they are asked on loopback, for a moment.
func (s *server) locals(ctx context.Context) []commands.Local {
	s.found.mu.Lock()
	defer s.found.mu.Unlock()
	if time.Since(s.found.when) < localsFresh {
		return s.found.list
	}
	var list []commands.Local
	if url, models, ok := ollama.Detect(ctx, http.DefaultClient); ok {
		list = append(list, commands.Local{Provider: "ollama", Name: "Ollama", URL: url, Models: len(models)})
	}
	if url, models, ok := openai.DetectLMStudio(ctx, http.DefaultClient); ok {
		list = append(list, commands.Local{Provider: "lmstudio", Name: "LM Studio", URL: url, Models: len(models)})
	}
	s.found.list, s.found.when = list, time.Now()
	return list
}

// endpoint says where a provider's requests go.
func (s *server) endpoint(provider string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.config.Providers[provider].BaseURL; u != "" {
		return u
	}
	for _, p := range s.providers {
		if a := p.Auth(); a.ID == provider && len(a.Hosts) > 0 {
			return a.Hosts[0]
		}
	}
	return ""
}
