package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Home is the home folder.
type Home string

// Config is config.yaml: what is set.
func (h Home) Config() string { return filepath.Join(string(h), "config.yaml") }

// DotEnv is .env: variables.
func (h Home) DotEnv() string { return filepath.Join(string(h), ".env") }

// Auth is the folder of Providers and Channels.
func (h Home) Auth() string { return filepath.Join(string(h), "auth") }

// Providers is providers.json: logins to model services.
func (h Home) Providers() string { return filepath.Join(h.Auth(), "providers.json") }

// Channels is channels.json: the bots' own tokens.
func (h Home) Channels() string { return filepath.Join(h.Auth(), "channels.json") }

// Store is gateway.db: messages.
func (h Home) Store() string { return filepath.Join(string(h), "gateway.db") }

// Audit is audit.log: who did what.
func (h Home) Audit() string { return filepath.Join(string(h), "audit.log") }

// Socket is control.sock, by which a running serve is reached.
func (h Home) Socket() string { return filepath.Join(string(h), "control.sock") }

// Lock is serve.lock, which a running serve holds.
func (h Home) Lock() string { return filepath.Join(string(h), "serve.lock") }

// Path says where config.yaml is, without making anything.
func Path(env func(string) string) (string, error) {
	h, err := FindHome(env)
	return h.Config(), err
}

// FindHome says where the home folder is, without making it: $GATEWAY_HOME, else .gateway in the person's own. env may
// be nil: os.Getenv.
func FindHome(env func(string) string) (Home, error) {
	if env == nil {
		env = os.Getenv
	}
	dir := env("GATEWAY_HOME")
	if dir == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", &FolderError{Path: "~/.gateway", Reason: "it is not known where your home folder is", Do: "set GATEWAY_HOME to a folder", Err: err}
		}
		dir = filepath.Join(user, ".gateway")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", &FolderError{Path: dir, Reason: cause(err), Do: "set GATEWAY_HOME to a folder", Err: err}
	}
	return Home(abs), nil
}

// MakeHome finds the home folder, makes it (0700) if it is missing, and makes sure that it can be written to. The
// error is a *FolderError.
func MakeHome(env func(string) string) (Home, error) {
	h, err := FindHome(env)
	if err != nil {
		return "", err
	}
	refuse := func(reason string, err error) error {
		return &FolderError{Path: string(h), Reason: reason, Do: "set GATEWAY_HOME to a folder of yours, or change its permissions", Err: err}
	}
	info, err := os.Stat(string(h))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(string(h), 0o700); err != nil {
			return "", refuse("the home folder cannot be made: "+cause(err), err)
		}
	case err != nil:
		return "", refuse("the home folder cannot be used: "+cause(err), err)
	case !info.IsDir():
		return "", refuse("the home folder is a file", errNotAFile)
	}
	probe, err := os.CreateTemp(string(h), ".probe-*")
	if err != nil {
		return "", refuse("the home folder cannot be written to: "+cause(err), err)
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	if err != nil {
		return "", refuse("the home folder cannot be written to: "+cause(err), err)
	}
	return h, nil
}
