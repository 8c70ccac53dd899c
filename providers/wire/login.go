package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chatgateway/login"
	"chatgateway/providerauth"
)

// KeyMethod is the login by an API key: it names the page where keys are made and takes one key, whose shape check
// looks at; nil is CheckKey.
func KeyMethod(name, page string, check func(string) error) providerauth.Method {
	if check == nil {
		check = CheckKey
	}
	return providerauth.Method{ID: "key", Name: "API key", Secret: true,
		Login: func(ctx context.Context, p login.Prompter) (providerauth.Credential, error) {
			s := login.Step{
				Text:  fmt.Sprintf("Send the API key of %s.", name),
				URL:   page,
				Label: "Make a key",
				Field: &login.Field{Name: "API key", Secret: true, Check: check},
			}
			key, err := p.Prompt(ctx, s)
			if err != nil {
				return providerauth.Credential{}, err
			}
			return providerauth.Credential{Type: providerauth.Key, Key: key}, nil
		}}
}

// CheckKey says what is wrong with the shape of an API key, without repeating it.
func CheckKey(key string) error {
	switch key = strings.TrimSpace(key); {
	case key == "":
		return errors.New("the key is empty")
	case len(key) < 20:
		return errors.New("this is too short for a key")
	case strings.ContainsAny(key, " \t\r\n"):
		return errors.New("a key has no spaces")
	}
	for _, w := range []string{"your-api-key", "your_api_key", "xxxx", "placeholder", "changeme", "<"} {
		if strings.Contains(strings.ToLower(key), w) {
			return errors.New("this is a placeholder, not a key")
		}
	}
	return nil
}
