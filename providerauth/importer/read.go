package importer

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chatgateway/internal/lazyregexp"
	"chatgateway/internal/secret"
	"chatgateway/providerauth"
)

// object is a JSON object of another program.
type object map[string]json.RawMessage

// reader lists what a file holds.
type reader func(path string, doc object) []Item

func (o object) object(key string) object {
	var sub object
	_ = json.Unmarshal(o[key], &sub) // what is no object holds nothing
	return sub
}

// text gives the first of the fields that is a text.
func (o object) text(keys ...string) string {
	for _, k := range keys {
		var s string
		if json.Unmarshal(o[k], &s) == nil && strings.TrimSpace(s) != "" {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

func (o object) time(keys ...string) time.Time {
	for _, k := range keys {
		if t := providerauth.Instant(o[k]); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

func (o object) keys() []string { return slices.Sorted(maps.Keys(o)) }

// credential reads one record, whatever of the known programs wrote it.
func (o object) credential() (providerauth.Credential, bool) {
	access := o.text("access", "access_token", "accessToken")
	token := o.text("token")
	key := o.text("key", "apiKey", "api_key")
	switch kind := o.text("type", "kind"); {
	case access != "":
		c := providerauth.Credential{
			Type: providerauth.OAuth, Access: secret.New(access), Refresh: secret.New(o.text("refresh", "refresh_token", "refreshToken")),
			Expires: o.time("expires", "expiry", "expiresAt", "expires_at"), Issued: o.time("issuedAt"), Owner: o.text("email"),
		}
		extra := map[string]string{}
		for k, from := range map[string]string{
			"account_id": first(o.text("account_id", "accountId"), o.object("extra").text("account_id")),
			"project":    o.text("projectId"), "host": strings.TrimPrefix(o.text("enterpriseUrl"), "https://"),
		} {
			if from != "" {
				extra[k] = from
			}
		}
		if len(extra) > 0 {
			c.Extra = extra
		}
		return c, true
	case token != "" && (kind == "token" || kind == ""):
		return providerauth.Credential{Type: providerauth.Token, Key: secret.New(token), Expires: o.time("expires"), Owner: o.text("email")}, true
	case key != "":
		return providerauth.Credential{Type: providerauth.Key, Key: secret.New(key), Owner: o.text("email")}, true
	}
	return providerauth.Credential{}, false
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// readFlat reads {provider: record}: Operator, Duragent, and this gateway's own kind.
func readFlat(_ string, doc object) (items []Item) {
	for _, id := range doc.keys() {
		if c, ok := doc.object(id).credential(); ok && !strings.HasPrefix(id, "@") {
			name, account, _ := strings.Cut(id, ":")
			items = append(items, Item{ID: makeID(name, account), Credential: c})
		}
	}
	return items
}

// readNested reads {provider: {account: record}} of pindus and its kin, and {provider: record} of older versions.
func readNested(_ string, doc object) (items []Item) {
	for _, name := range doc.keys() {
		sub := doc.object(name)
		if c, ok := sub.credential(); ok {
			items = append(items, Item{ID: makeID(name, ""), Credential: c})
			continue
		}
		accounts := sub.keys()
		for _, account := range accounts {
			record := sub.object(account)
			c, ok := record.credential()
			if !ok {
				continue
			}
			if len(accounts) == 1 || string(record["isDefault"]) == "true" {
				account = ""
			}
			items = append(items, Item{ID: makeID(name, account), Credential: c})
		}
	}
	return items
}

// readToken reads one sign-in of llxprt; provider and account are in the file's name.
func readToken(path string, doc object) []Item {
	c, ok := doc.credential()
	if !ok {
		return nil
	}
	name, account, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), "-")
	if account == "default" {
		account = ""
	}
	return []Item{{ID: makeID(name, account), Credential: c}}
}

// readCodex reads OpenAI's own: a key, a ChatGPT sign-in, or both.
func readCodex(_ string, doc object) (items []Item) {
	if key := doc.text("OPENAI_API_KEY"); key != "" {
		items = append(items, Item{ID: "openai", Credential: providerauth.Credential{Type: providerauth.Key, Key: secret.New(key)}})
	}
	tokens := doc.object("tokens")
	if c, ok := tokens.credential(); ok {
		claims := providerauth.Claims(c.Access.Reveal())
		if exp, ok := claims["exp"].(float64); ok && c.Expires.IsZero() {
			c.Expires = time.Unix(int64(exp), 0)
		}
		mail, _ := providerauth.Claims(tokens.text("id_token"))["email"].(string)
		c.Owner = first(c.Owner, mail)
		items = append(items, Item{ID: "openai-codex", Credential: c})
	}
	return items
}

// readProfiles reads the auth-profiles.json of OpenSoul and OpenClaw.
func readProfiles(_ string, doc object) (items []Item) {
	profiles := doc.object("profiles")
	count := map[string]int{}
	for _, id := range profiles.keys() {
		name, _, _ := strings.Cut(id, ":")
		count[first(profiles.object(id).text("provider"), name)]++
	}
	for _, id := range profiles.keys() {
		record := profiles.object(id)
		name, account, _ := strings.Cut(id, ":")
		name = first(record.text("provider"), name)
		c, ok := record.credential()
		if !ok {
			if record.object("keyRef") != nil || record.object("tokenRef") != nil {
				items = append(items, Item{ID: makeID(name, account), Skip: "It is a reference to where the secret is, not the secret."})
			}
			continue
		}
		if count[name] == 1 || account == "default" {
			account = ""
		}
		items = append(items, Item{ID: makeID(name, account), Credential: c})
	}
	return items
}

// readAny reads a file of which nothing is known beforehand.
func readAny(path string, doc object) []Item {
	switch {
	case doc.object("profiles") != nil:
		return readProfiles(path, doc)
	case doc.object("tokens") != nil || doc.text("OPENAI_API_KEY") != "":
		return readCodex(path, doc)
	case doc.object("channels") != nil:
		return readBots(path, doc)
	case doc.text("access_token") != "":
		return readToken(path, doc)
	case doc.object("telegram") != nil || doc.object("slack") != nil || doc.object("discord") != nil:
		return readChannels(path, doc)
	}
	return readNested(path, doc)
}

// renamed are the names that others have for a provider.
var renamed = map[string]string{
	"anthropic-claude-code": "anthropic", "claudecode": "anthropic", "codex": "openai-codex", "gemini": "google",
	"kimi-coding": "kimi-code", "qwen-portal": "qwen",
}

// ended are sign-ins that no program can use any more, or that may not be used elsewhere.
var ended = map[string]string{
	"google-antigravity": "Google forbids the use of this sign-in in other programs.",
	"antigravity":        "Google forbids the use of this sign-in in other programs.",
	"google-gemini-cli":  "Google ended this sign-in on 18 June 2026. A key works: /login google.",
	"google":             "Google ended the sign-in of its command line on 18 June 2026. A key works: /login google.",
	"qwen":               "Alibaba ended this sign-in on 15 April 2026. A DashScope key works: /login qwen.",
}

var badAccount = lazyregexp.New(`[^a-z0-9._@-]+`)

// makeID gives the id here of what has another name there.
func makeID(name, account string) providerauth.ID {
	name = strings.ToLower(name)
	if to, ok := renamed[name]; ok {
		name = to
	}
	account = strings.Trim(badAccount.ReplaceAllString(strings.ToLower(account), "-"), "-._@")
	if account == "env" {
		account = "env-1"
	}
	return providerauth.MakeID(name, account)
}

// check finds what cannot be taken over.
func (i *Item) check() {
	c := i.Credential
	switch {
	case i.Skip != "":
	case i.Channel():
		if t := i.Token.Reveal(); strings.HasPrefix(t, "${") || strings.ContainsAny(t, " \n\t") {
			i.Skip = "It is a reference to where the secret is, or no token at all."
		}
	case c.Type == providerauth.OAuth:
		i.Skip = ended[i.ID.Provider()]
	case strings.HasPrefix(c.Key.Reveal(), "${"):
		i.Skip = "It is a reference to a variable: " + strings.Trim(c.Key.Reveal(), "${}") + " in the environment is used without being stored."
	case providerauth.DefaultCheckKey(c.Key.Reveal()) != nil:
		i.Skip = providerauth.DefaultCheckKey(c.Key.Reveal()).Error()
	}
}
