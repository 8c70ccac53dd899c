package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"chatgateway/channels"
	"chatgateway/channels/terminal"
	"chatgateway/commands"
	"chatgateway/config"
	"chatgateway/console"
	"chatgateway/gateway"
	"chatgateway/internal/redact"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"chatgateway/store"
)

func (a *app) serveCommand() *cobra.Command {
	var keyFiles []string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway: connect the chats and serve the page",
		Long:  "serve connects every chat whose tokens are there, serves the page on loopback, and answers.\nIt runs until it is stopped with Ctrl-C or SIGTERM. SIGHUP reads the files again.",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), keyFiles) },
	}
	c.Flags().StringArrayVar(&keyFiles, "key-file", nil, "use the key in a file for this run: provider[:account]=PATH, - for standard input")
	return c
}

// server is a gateway that serves.
type server struct {
	*host
	app   *app
	core  *gateway.Gateway
	store *store.Store
	rules *rules
	found localCache
	alone bool // one chat in a terminal, nothing else

	termReady chan struct{}     // closed when term is set
	term      *terminal.Channel // set once
	ending    chan struct{}     // closed when serving ends

	mu        sync.Mutex
	providers []providers.Provider // guarded by mu
	config    *config.Config       // guarded by mu: the last good one
	page      pageLink             // guarded by mu; nil until the page is open
	bad       string               // guarded by mu: what is wrong with config.yaml now
}

// pageLink is what the page can do for the console.
type pageLink interface {
	NewLink() (string, error)
	Addr() string
	URL() string
	Ready() <-chan struct{}
}

func (a *app) serve(ctx context.Context, keyFiles []string) error {
	h, err := a.openHost()
	if err != nil {
		return err
	}
	lock, err := holdHome(ctx, h.home)
	if err != nil {
		return err
	}
	defer lock()
	if err := a.keyFiles(h, keyFiles); err != nil {
		return err
	}
	s, err := a.newServer(ctx, h, false)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

// newServer puts the parts together; nothing runs yet. alone leaves out every channel but the terminal.
func (a *app) newServer(ctx context.Context, h *host, alone bool) (*server, error) {
	s := &server{host: h, app: a, config: h.config, providers: h.providers, alone: alone, termReady: make(chan struct{}), ending: make(chan struct{})}
	st, err := store.Open(ctx, h.home.Store(), store.Options{Sync: h.config.Store.Sync, Log: h.log})
	if err != nil {
		return nil, exitError{exitConfig, message(err)}
	}
	s.store = st
	if s.rules, err = newRules(ctx, s); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	h.notify = s.notify
	s.core = gateway.New(gateway.Options{
		Store: st, Auth: s.auth, Providers: s.providerList, Policy: s.rules.access, Commands: commands.All(),
		Settings: coreSettings(h.config), Log: h.log, Version: buildVersion(), Home: string(h.home), Secrets: a.secrets,
		Client: &http.Client{Transport: http.DefaultTransport},
		Hooks: gateway.Hooks{
			Record: s.rules.record, Access: s.rules.command, Claim: s.rules.claim, Audit: s.rules.auditLines, Allow: s.rules.allow, MayUse: s.rules.access.MayUse,
			Locals: s.locals, Endpoint: s.endpoint, Warnings: s.warningList, Hold: newBotLocks(h.home, h.log).hold, Opened: s.opened, Owners: s.rules.owners, Page: s.pageURL,
		},
	})
	s.core.Apply(s.accounts())
	return s, nil
}

func (s *server) accounts() []gateway.Account {
	s.mu.Lock()
	c := s.config
	s.mu.Unlock()
	list := accounts(c, s.tokens, page{home: string(s.home), panel: console.Handler(panelSource{s.core}), core: pageCore{s.core, s.app.secrets}})
	if s.alone {
		list = slices.DeleteFunc(list, func(a gateway.Account) bool { return a.Service.Name != terminal.Service.Name })
	}
	return list
}

// run serves until ctx ends.
func (s *server) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.store.Close(), s.rules.log.Close()) }()
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if !s.alone {
		control, err := listenControl(ctx, s)
		if err != nil {
			return err
		}
		wg.Go(func() { control.serve(base) })
		wg.Go(func() { s.announce(base) })
	}
	wg.Go(func() { s.auth.Run(base) })
	wg.Go(func() { s.watchConfig(base) })
	wg.Go(func() { s.watchTokens(base) })
	err = s.core.Serve(ctx)
	close(s.ending)
	closing, done := context.WithTimeout(base, 30*time.Second)
	defer done()
	return errors.Join(err, s.close(closing))
}

// watchConfig takes up changes of config.yaml; a bad file leaves the last good one in force.
func (s *server) watchConfig(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	config.Watch(ctx, s.home.Config(), known(), s.config, hup, func(c *config.Config, err error) {
		if err != nil {
			s.log.Error("config.yaml is not taken; the last good one stays in force", "err", message(err))
			s.mu.Lock()
			s.bad = message(err)
			s.mu.Unlock()
			return
		}
		list := makeProviders(c)
		s.mu.Lock()
		s.bad, s.config, s.providers = "", c, list
		s.mu.Unlock()
		s.auth.SetSchemes(schemes(list))
		s.auth.SetConfigOrder(order(c))
		s.rules.apply(c)
		s.core.SetSettings(coreSettings(c))
		s.core.Apply(s.accounts())
		s.log.Info("config.yaml taken")
	})
}

// watchTokens opens accounts anew whose tokens changed.
func (s *server) watchTokens(ctx context.Context) {
	for range s.tokens.Watch(ctx) {
		s.core.Apply(s.accounts())
		s.rules.sayClaim(ctx, s.app.out)
	}
}

func (s *server) providerList() []providers.Provider {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.providers
}

// warningList is what is wrong with the files just now.
func (s *server) warningList() []string {
	list := append([]string(nil), s.warnings...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != "" {
		list = append(list, "config.yaml has a mistake, and the last good one stays in force: "+s.bad)
	}
	if err := s.tokens.Err(); err != nil {
		list = append(list, message(err))
	}
	return unique(list)
}

func unique(list []string) (out []string) {
	seen := map[string]bool{}
	for _, l := range list {
		if !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}

// opened takes note of the page and the terminal when they are opened.
func (s *server) opened(_ channels.AccountID, ch channels.Channel) {
	if t, ok := ch.(*terminal.Channel); ok && s.term == nil {
		s.term = t
		close(s.termReady)
	}
	if p, ok := ch.(pageLink); ok {
		s.mu.Lock()
		s.page = p
		s.mu.Unlock()
	}
}

func (s *server) pageOf() pageLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.page
}

func (s *server) pageURL() string {
	if p := s.pageOf(); p != nil && p.Addr() != "" {
		return p.URL()
	}
	return ""
}

// notify tells the owners what they should know about a sign-in.
func (s *server) notify(e providerauth.Event) {
	s.log.Warn("sign-in", "id", string(e.ID), "what", string(e.Kind), "text", e.Text)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.core.Tell(ctx, s.rules.owners(), e.Text, commands.Choice{Label: "Log in", Run: "/login " + string(e.ID)})
}

// panelSource is what the console sees of the core.
type panelSource struct{ *gateway.Gateway }

// pageCore is what the page asks of the core.
type pageCore struct {
	*gateway.Gateway
	secrets *redact.Redactor
}

// LooksSecret implements web.Core.
func (c pageCore) LooksSecret(text string) bool { return secret.Shaped(text) || c.secrets.Holds(text) }

// errHeld is told by a second serve on the same home folder.
func errHeld(pid int, home config.Home) error {
	who := "Another gateway"
	if pid > 0 {
		who = fmt.Sprintf("Another gateway (process %d)", pid)
	}
	return exitError{exitConfig, fmt.Sprintf("%s serves the home folder %s already. Stop it first, look at it with `gateway status`, or give this one its own folder with GATEWAY_HOME.", who, home)}
}
