package providerauth

import (
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// secrets are what nobody may see of a credential; a reference is none by itself.
func (c Credential) secrets() (list []secret.String) {
	if c.Type == OAuth || !jsonfile.IsReference(c.Key.Reveal()) {
		list = append(list, c.Key)
	}
	return append(list, c.Access, c.Refresh)
}

// learnAll tells Learn what a view holds, the environment included.
func (m *Manager) learnAll(v *view) {
	for _, c := range v.creds {
		m.learn(c.secrets()...)
	}
	for i := range v.schemes {
		p := v.byID[v.schemes[i].ID]
		for _, c := range p.over {
			m.learn(c.Key)
		}
		for _, name := range p.env {
			m.learn(secret.New(CleanKey(m.env(name))))
		}
	}
}
