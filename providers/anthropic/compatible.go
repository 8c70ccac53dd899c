package anthropic

import (
	"chatgateway/providers"
	"chatgateway/providers/wire"
)

// row is one service that speaks Messages.
type row struct {
	id, name string
	base     string // without /v1
	page     string // where keys are made
	env      []string
	aliases  []string
	where    string      // what the site at base is called, where there are siblings
	siblings []wire.Site // other sites, for keys that are good at one of them only
	bearer   bool        // keys go into Authorization
	noKey    bool        // works without a key
	words    map[string]error
}

var claude = row{id: "anthropic", name: "Anthropic", base: "https://api.anthropic.com", page: "https://console.anthropic.com/settings/keys",
	env: []string{"ANTHROPIC_API_KEY", "ANTHROPIC_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}, aliases: []string{"claude"}}

// table is every other service that is known by name: adding one is one line.
var table = []row{
	{id: "minimax", name: "MiniMax", base: "https://api.minimax.io/anthropic", page: "https://platform.minimax.io", env: []string{"MINIMAX_API_KEY", "MINIMAX_CN_API_KEY"}, bearer: true, words: miniMaxWords,
		where: "the international site", siblings: []wire.Site{{Where: "the site in China", Base: "https://api.minimaxi.com/anthropic"}}},
}

// miniMaxWords are MiniMax's codes (platform.minimax.io/docs/api-reference/errorcode).
var miniMaxWords = map[string]error{
	"1002": providers.ErrRateLimited, "1004": providers.ErrUnauthorized, "1008": providers.ErrBilling, "1026": providers.ErrRefused,
	"1027": providers.ErrRefused, "1039": providers.ErrTooLong, "2049": providers.ErrUnauthorized, "2056": providers.ErrRateLimited,
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

// NewCompatible makes a service of one's own that speaks Messages at o.BaseURL, under o.ID. Its key goes into
// x-api-key.
func NewCompatible(o providers.Options) *Provider {
	r := row{id: o.ID, name: o.Name, base: o.BaseURL, env: o.Env, noKey: o.NoKey || wire.Local(o.BaseURL)}
	if r.name == "" {
		r.name = o.ID
	}
	return build(r, o)
}

// sites are the sites of a provider, the first one too.
func (r row) sites() wire.Sites { return wire.SitesOf(r.where, r.base, r.siblings) }
