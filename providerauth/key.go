package providerauth

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"chatgateway/internal/secret"
	"chatgateway/login"
)

// keyWait is how long a login waits for a key, a token or a pasted code.
const keyWait = 10 * time.Minute

// KeyMethod asks for an API key. name is the provider's, for people; page is where keys are made, empty if there is
// none; check looks at the shape of the key, nil: DefaultCheckKey. The key is taken without the blanks and quotes
// around it. The method only asks: the Manager tries the key afterwards with Scheme.Probe.
func KeyMethod(name, page string, check func(string) error) Method {
	text := "Send your " + name + " API key."
	if page != "" {
		text += " Keys are made at " + page + "."
	}
	return AskKey(text, page, check)
}

// AskKey is KeyMethod in the provider's own words, for a key that it calls otherwise.
func AskKey(text, page string, check func(string) error) Method {
	return askMethod(Method{ID: "key", Name: "API key", Secret: true}, Key, text, page, 0, check)
}

// TokenMethod asks for a long-lived token that another program made, such as a setup-token. how says in a sentence or
// two where it comes from; life is how long such tokens last from the day they are made, 0 if nobody knows; check as
// for KeyMethod.
func TokenMethod(name, how string, life time.Duration, check func(string) error) Method {
	text := "Send the " + name + " token. " + how
	return askMethod(Method{ID: "token", Name: "Token", Secret: true}, Token, text, "", life, check)
}

func askMethod(m Method, t Type, text, page string, life time.Duration, check func(string) error) Method {
	if check == nil {
		check = DefaultCheckKey
	}
	field := "API key"
	if t == Token {
		field = "Token"
	}
	m.Login = func(ctx context.Context, p login.Prompter) (Credential, error) {
		s := login.Step{
			Text:    text + waits(keyWait),
			URL:     page,
			Label:   "Where keys are made",
			Field:   &login.Field{Name: field, Secret: true, Check: func(a string) error { return check(CleanKey(a)) }},
			Expires: time.Now().Add(keyWait),
		}
		if page == "" {
			s.Label = ""
		}
		a, err := p.Prompt(ctx, s)
		if err != nil {
			return Credential{}, err
		}
		c := Credential{Type: t, Key: secret.New(CleanKey(a.Reveal()))}
		if err := check(c.Key.Reveal()); err != nil { // a front end may have skipped Field.Check
			return Credential{}, err
		}
		if life > 0 {
			c.Expires = time.Now().Add(life)
		}
		return c, nil
	}
	return m
}

// waits says for how long an answer is awaited.
func waits(d time.Duration) string {
	return fmt.Sprintf(" I wait %d minutes for it.", int(d/time.Minute))
}

// CleanKey takes off what sticks to a key when it is copied: blanks, line ends and quotes around it.
func CleanKey(s string) string {
	return strings.Trim(s, " \t\r\n\v\f\u00a0\u200b\ufeff\"'`")
}

// placeholders are what examples have in place of a key.
var placeholders = []string{"your-api-key", "your_api_key", "xxxx", "placeholder", "changeme", "<"}

// minKey is the length of the shortest key that a provider is known to make.
const minKey = 20

// DefaultCheckKey refuses what cannot be a key: too short, an example's placeholder, or more than one word. It never
// looks at the beginning, because providers change that. Its errors do not repeat the key.
func DefaultCheckKey(key string) error {
	if key == "" {
		return KeyError("There is no key in this message.")
	}
	if i := strings.IndexFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r > unicode.MaxASCII }); i >= 0 {
		return KeyError("A key is one word of plain letters, digits and signs. Please copy it again.")
	}
	if isPlaceholder(key) {
		return KeyError("That is the placeholder of an example, not a key.")
	}
	if len(key) < minKey {
		return KeyError(fmt.Sprintf("That is too short for a key: keys have at least %d characters. Please copy the whole key.", minKey))
	}
	return nil
}

func isPlaceholder(key string) bool {
	k := strings.ToLower(key)
	for _, p := range placeholders {
		if strings.Contains(k, p) {
			return true
		}
	}
	return false
}

// KeyError says in one sentence what is wrong with the shape of a key. It never repeats the key.
type KeyError string

// Error implements error.
func (e KeyError) Error() string { return string(e) }

// UserMessage is the same sentence.
func (e KeyError) UserMessage() string { return string(e) }
