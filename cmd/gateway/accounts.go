package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/channels/web"
	"chatgateway/config"
	"chatgateway/gateway"
)

// page is what the web page is given besides its settings.
type page struct {
	home  string
	panel http.Handler
	core  web.Core
}

// accounts lists every account of every service: those of config.yaml, those that channels.json names, and each
// service's default account. One that lacks something is Off, with a sentence that says what and how to give it.
func accounts(c *config.Config, tokens *channelauth.File, pg page) []gateway.Account {
	var list []gateway.Account
	stored := tokens.Accounts()
	for _, s := range services() {
		ids := []string{s.Name}
		for _, id := range append(sortedKeys(c.Channels), stored...) {
			if strings.HasPrefix(id, s.Name+":") && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		for _, id := range ids {
			list = append(list, account(s, id, c, tokens, pg))
		}
	}
	return list
}

func account(s channels.Service, id string, c *config.Config, tokens *channelauth.File, pg page) gateway.Account {
	settings, configured := c.Channels[id]
	if !configured {
		settings = s.Settings()
	}
	a := gateway.Account{
		ID: channels.AccountID(id), Service: s, Settings: settings, Secrets: tokens.Account(id, s.Secrets),
	}
	a.Off = off(a, c)
	a.Version = fingerprint(a, tokens)
	if w, ok := settings.(*web.Settings); ok {
		w.Home, w.Panel, w.Core = pg.home, pg.panel, pg.core
		w.Listen, _ = c.Page.Address()
		if c.Page.Listen == "" {
			w.Listen = ""
		}
		w.TLSCert, w.TLSKey, w.BehindProxy = c.Page.TLSCert, c.Page.TLSKey, c.Page.BehindProxy
		a.Version += fmt.Sprint(c.Page)
	}
	return a
}

// off says why an account is not opened; "" if it is.
func off(a gateway.Account, c *config.Config) string {
	base := &channels.Common{}
	if b, ok := a.Settings.(interface{ Base() *channels.Common }); ok {
		base = b.Base()
	}
	if base.Enabled != nil && !*base.Enabled || a.Service.Name == "web" && !c.Page.Enabled {
		return "switched off in config.yaml"
	}
	var missing []string
	for _, f := range a.Service.Secrets {
		if !f.Optional && a.Secrets.Secret(f.Name).Empty() {
			how := fmt.Sprintf("no %s: run `gateway channels set %s %s`", f.Name, a.ID, f.Name)
			if f.Env != "" && string(a.ID) == a.Service.Name {
				how += " or set " + f.Env
			}
			missing = append(missing, how)
		}
	}
	return strings.Join(missing, "; ")
}

// fingerprint changes whenever the account must be opened anew. A token that it renewed itself is no reason.
func fingerprint(a gateway.Account, tokens *channelauth.File) string {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		settings = []byte(err.Error())
	}
	h := sha256.New()
	h.Write(settings)
	for _, f := range a.Service.Secrets {
		fmt.Fprintf(h, "%s=%s;", f.Name, tokens.Version(a.Secrets.Secret(f.Name)))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// coreSettings are the core's settings as config.yaml has them.
func coreSettings(c *config.Config) gateway.Settings {
	s := gateway.Settings{
		Model: c.Model, Aliases: map[string]string{}, Fallbacks: c.Fallbacks, System: cmp.Or(c.System, defaultSystem), Effort: c.Effort, MaxOut: c.MaxOutput,
		StaleAfter: c.Limits.StaleAfter, Queue: c.Limits.Queue, Attachment: int64(c.Limits.AttachmentSize),
		Places: map[channels.PlaceID]gateway.Place{},
	}
	for name, ref := range c.Aliases {
		s.Aliases[strings.ToLower(name)] = ref
	}
	for _, places := range c.Places {
		for id, p := range places {
			s.Places[channels.PlaceID(id)] = gateway.Place{System: p.System, Model: p.Model}
		}
	}
	for _, p := range c.Providers {
		s.FirstToken, s.NextToken = max(s.FirstToken, p.FirstToken), max(s.NextToken, p.NextToken)
	}
	return s
}

// defaultSystem is the system prompt if config.yaml has none.
const defaultSystem = "You are a helpful assistant in a chat. Answer in the language of the person. Keep answers as short as the question allows; use Markdown where it helps."
