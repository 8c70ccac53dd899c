package gateway

import (
	"context"
	"errors"
	"strings"
	"testing"

	"chatgateway/login"
	"chatgateway/providerauth"
	"chatgateway/providers/providertest"
)

// A sign-in that tells of a secret of ours, in a step, a choice, a form, what is wrong with an answer, or at its end, is
// masked.
func TestASignInThatTellsASecret(t *testing.T) {
	key := providertest.Key("stored").Reveal()
	telling := func(ctx context.Context, p login.Prompter) (providerauth.Credential, error) {
		steps := []login.Step{
			{Text: "It was " + key, Label: "Not " + key, URL: "https://fake.example/page"},
			{Text: "Which one?", Field: &login.Field{Name: "Which"}, Choices: []login.Choice{{Label: "The one of " + key, Value: "one"}}},
			{Text: "Name it. It was " + key, Field: &login.Field{Name: "Name", Check: func(a string) error {
				if a != "right" {
					return errors.New("It is not " + key) //nolint:staticcheck // a sentence for the person
				}
				return nil
			}}},
			{Text: "The new key, please. It was " + key, Field: &login.Field{Name: "Key", Secret: true}},
			{Text: "It is no longer " + key, Done: true},
		}
		for _, s := range steps {
			if _, err := p.Prompt(ctx, s); err != nil {
				return providerauth.Credential{}, err
			}
		}
		return providerauth.Credential{}, providerauth.Problem("It is still " + key)
	}
	change := func(w *world) {
		w.model.Change(func(s *providerauth.Scheme) {
			s.Methods = append(s.Methods, providerauth.Method{ID: "telling", Name: "Telling", Secret: true, Login: telling})
		})
	}
	for _, form := range []bool{true, false} {
		inWorld(t, func(w *world) {
			w.chat.NoAsk = !form
			w.login()
			w.say("ann", "/login fake telling")
			w.press("ann", "The one of [secret]")
			w.say("ann", "wrong")
			w.say("ann", "right")
			if form {
				w.chat.Fill(t, "ann", "a new one")
				w.settle()
			} else {
				w.say("ann", "a new one")
			}
			w.want("ann", "It is no longer [secret]", "It is still [secret]")
			lines, _ := w.chat.Log()
			all := strings.Join(lines, "\n")
			if strings.Contains(all, key) || !strings.Contains(all, "It is not [secret]") || !strings.Contains(all, "The new key, please. It was [secret]") {
				t.Errorf("the key is shown, or not asked for:\n%s", all)
			}
		}, change)
	}
}
