package gateway

import (
	"slices"

	"chatgateway/providers"
)

// maskMessages gives a conversation without the gateway's own secrets; nearly always the very same one.
func (g *Gateway) maskMessages(ms []providers.Message) []providers.Message {
	for i, m := range ms {
		if !slices.ContainsFunc(m.Parts, g.holds) {
			continue
		}
		ms = slices.Clone(ms)
		for ; i < len(ms); i++ {
			ms[i].Parts = g.maskParts(ms[i].Parts)
		}
		return ms
	}
	return ms
}

func (g *Gateway) holds(p providers.Part) bool {
	s := g.o.Secrets
	return s.Holds(p.Text) || s.Holds(p.Thought) || s.Holds(string(p.Raw))
}

// maskParts gives the parts without the gateway's own secrets; all else in them stays as it is.
func (g *Gateway) maskParts(parts []providers.Part) []providers.Part {
	if !slices.ContainsFunc(parts, g.holds) {
		return parts
	}
	parts = slices.Clone(parts)
	for i := range parts {
		p := &parts[i]
		p.Text, p.Thought = g.o.Secrets.Mask(p.Text), g.o.Secrets.Mask(p.Thought)
		if p.Raw != nil {
			p.Raw = []byte(g.o.Secrets.Mask(string(p.Raw)))
		}
	}
	return parts
}
