package providerauth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgateway/login"
)

// mayReplace asks before a credential of another kind takes the place of one that is there.
func (m *Manager) mayReplace(ctx context.Context, v *view, sc *Scheme, id ID, way Method, p login.Prompter) error {
	old := v.creds[id]
	if old == nil || old.Type == way.gives() {
		return nil
	}
	kind := map[Type]string{Key: "an API key", Token: "a token", OAuth: "a sign-in"}[old.Type]
	text := fmt.Sprintf("%s holds %s already. Replace it? To keep both, give the new one a name: /login %s:work", title(sc, id), kind, sc.ID)
	_, err := pick(ctx, p, text, FieldReplace, login.Choice{Label: "Replace it", Value: "yes"}, login.Choice{Label: "Keep it", Value: "no"})
	return err
}

// gives is the kind of credential that a method brings, as far as a person is concerned.
func (w Method) gives() Type {
	switch {
	case !w.Secret:
		return OAuth
	case w.ID == "token":
		return Token
	}
	return Key
}

// obtain signs in, or asks for a key or token and tries it, and for another one as long as the person wants to send one.
func (m *Manager) obtain(ctx context.Context, sc *Scheme, id ID, way Method, p login.Prompter) (c Credential, f Finding, err error) {
	for again := true; again; {
		if c, err = way.Login(ctx, p); err != nil {
			return Credential{}, Finding{}, err
		}
		c.ID, c.Source, c.Issued = id, FromStore, time.Now()
		m.learn(c.secrets()...)
		if !way.Secret {
			return c, f, nil
		}
		f = m.probe(ctx, sc, c)
		if ctx.Err() != nil {
			return c, f, ctx.Err()
		}
		if again, err = refused(ctx, sc, way, f, p); err != nil {
			return c, f, err
		}
	}
	return c, f, nil
}

// refused asks what to do with a key that the service did not take: it is stored, or another one is asked for.
func refused(ctx context.Context, sc *Scheme, way Method, f Finding, p login.Prompter) (again bool, err error) {
	if !f.Sure || f.Works {
		return false, nil
	}
	kind := "key"
	if way.gives() == Token {
		kind = "token"
	}
	text := sc.Name + " refused this " + kind + "."
	if f.Note != "" {
		text += " " + f.Note
	}
	answer, err := pick(ctx, p, text+" Store it all the same?", FieldRefused,
		login.Choice{Label: "Send another " + kind, Value: "again"}, login.Choice{Label: "Store it", Value: "yes"}, login.Choice{Label: "Give up", Value: "no"})
	return answer == "again", err
}

// pick asks a question with buttons and gives the value of the answer. "no", and what is no answer to it, is
// login.ErrCanceled.
func pick(ctx context.Context, p login.Prompter, text, field string, choices ...login.Choice) (string, error) {
	value := func(a string) string {
		a = strings.ToLower(strings.TrimSpace(a))
		if slices.ContainsFunc(choices, func(c login.Choice) bool { return c.Value == a }) {
			return a
		}
		return ""
	}
	a, err := p.Prompt(ctx, login.Step{
		Text: text, Choices: choices, Expires: time.Now().Add(askTime),
		Field: &login.Field{Name: field, Check: func(a string) error {
			if value(a) != "" {
				return nil
			}
			var words []string
			for _, c := range choices {
				words = append(words, fmt.Sprintf("%q", c.Value))
			}
			last := len(words) - 1
			return Problem("Please answer " + strings.Join(words[:last], ", ") + " or " + words[last] + ".")
		}},
	})
	if err != nil {
		return "", err
	}
	answer := value(a.Reveal())
	if answer == "" || answer == "no" {
		return "", login.ErrCanceled
	}
	return answer, nil
}
