package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"chatgateway/channelauth"
	"chatgateway/config"
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/redact"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
	"chatgateway/providers"
	"io"
	"os"
)

// host is the home folder with what every command needs of it.
type host struct {
	home      config.Home
	env       func(string) string
	config    *config.Config
	tokens    *channelauth.File
	providers []providers.Provider
	creds     providerauth.Store // the Manager's
	auth      *providerauth.Manager
	log       *slog.Logger
	warnings  []string                 // what is wrong with the files, a sentence each
	notify    func(providerauth.Event) // set before auth.Run; nil: nobody is told
}

// openHost finds the home folder, makes it if it is missing, and reads what is in it. A bad config.yaml is an error
// that says where; unreadable credential files are warnings: reads go on with the environment.
func (a *app) openHost() (*host, error) {
	home, err := config.MakeHome(a.env)
	if err != nil {
		return nil, exitError{exitConfig, message(err)}
	}
	h := &host{home: home, env: a.env}
	if err := config.LoadEnv(home.DotEnv()); err != nil {
		h.warnings = append(h.warnings, message(err))
	}
	if h.config, err = config.Load(home.Config(), known()); err != nil {
		return nil, exitError{exitConfig, message(err)}
	}
	h.log = a.logger(h.config.Log)
	slog.SetDefault(h.log) // what libraries print by themselves may hold a secret as well
	keys := &vault{home: home, env: a.env, learn: a.secrets.Learn}
	h.tokens = channelauth.Open(home.Channels(), a.env)
	h.tokens.Codec, h.tokens.Learn = keys, a.secrets.Learn
	h.providers = makeProviders(h.config)
	h.creds = providerauth.NewFile(jsonfile.File{Path: home.Providers(), Codec: keys})
	h.auth = providerauth.New(providerauth.Options{
		Store: h.creds, Schemes: schemes(h.providers), Env: a.env,
		Order: order(h.config), Log: h.log, Learn: a.secrets.Learn,
		Notify: func(e providerauth.Event) {
			if h.notify != nil {
				h.notify(e)
			}
		},
	})
	for _, err := range []error{h.tokens.Err(), h.auth.StoreErr()} {
		if err != nil {
			h.warnings = append(h.warnings, message(err))
		}
	}
	return h, nil
}

// close waits for renewals under way.
func (h *host) close(ctx context.Context) error { return h.auth.Close(context.WithoutCancel(ctx)) }

func schemes(list []providers.Provider) []providerauth.Scheme {
	out := make([]providerauth.Scheme, len(list))
	for i, p := range list {
		out[i] = p.Auth()
		out[i].Usual = slices.Contains(usual, out[i].ID)
	}
	return out
}

func order(c *config.Config) map[string][]providerauth.ID {
	out := map[string][]providerauth.ID{}
	for p, ids := range c.Auth.Order {
		for _, id := range ids {
			out[p] = append(out[p], providerauth.ID(id))
		}
	}
	return out
}

// logger writes to standard error, in colour for a person, without the secrets that the gateway holds and what is
// shaped like one.
func (a *app) logger(c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmp.Or(c.Level, "info"))); err != nil {
		level = slog.LevelInfo
	}
	if a.quiet {
		level = max(level, slog.LevelWarn)
	}
	if a.silent {
		level = slog.LevelError
	}
	var h slog.Handler = slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level})
	if c.Format == "json" {
		h = slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level})
	} else if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		h = tint.NewTextHandler(a.err, &tint.Options{Level: level, TimeFormat: "15:04:05"})
	}
	return slog.New(redact.Handler(h, a.secrets))
}

// keyFiles takes `--key-file provider[:account]=PATH` into force for this run; "-" is standard input.
func (a *app) keyFiles(h *host, flags []string) error {
	for _, f := range flags {
		id, path, ok := strings.Cut(f, "=")
		if !ok {
			return usageError("--key-file wants provider=PATH, like openai=/run/secrets/openai")
		}
		s, err := h.auth.Scheme(providerauth.ID(id).Provider())
		if err != nil {
			return usageError("there is no provider %q. See: gateway auth list", providerauth.ID(id).Provider())
		}
		data, err := readKeyFile(a.in, path)
		if err != nil {
			return fmt.Errorf("read the key for %s: %w", id, err)
		}
		h.auth.Override(providerauth.MakeID(s.ID, providerauth.ID(id).Account()), data, "--key-file "+path)
	}
	return nil
}

// readKeyFile reads a secret from a file, or from standard input with "-".
func readKeyFile(in io.Reader, path string) (secret.String, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return secret.String{}, err
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return secret.String{}, err
	}
	s := secret.New(strings.TrimSpace(string(data)))
	if s.Empty() {
		return s, errors.New("it is empty")
	}
	return s, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
