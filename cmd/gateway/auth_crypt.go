package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/zalando/go-keyring"

	"chatgateway/config"
	"chatgateway/internal/jsonfile"
	"chatgateway/internal/secret"
)

// Where the key of the auth files is: the value of keyVariable, else what a file says that lies beside them.
const (
	keyVariable = jsonfile.KeyVariable
	keyringName = "chatgateway"
	inKeyring   = "keyring"
	keyringWait = time.Minute
)

// vault is the jsonfile.Codec of both auth files. They are encrypted together: a write is encrypted if one of them is.
// The key is looked for only when a file needs it, and kept then. It is safe for concurrent use.
type vault struct {
	home  config.Home
	env   func(string) string
	learn func(...secret.String) // is told the key; may be nil

	mu    sync.Mutex // guards codec
	codec jsonfile.Codec
}

// Open implements jsonfile.Codec.
func (v *vault) Open(data []byte) ([]byte, error) {
	if d, err := jsonfile.Parse(data); err != nil || !d.Has(jsonfile.SealedKey) {
		return data, nil //nolint:nilerr // plain, or broken in a way that the reader says
	}
	codec, err := v.key()
	if err != nil {
		return nil, err
	}
	return codec.Open(data)
}

// Seal implements jsonfile.Codec.
func (v *vault) Seal(plain []byte) ([]byte, error) {
	if !v.inForce() {
		return plain, nil
	}
	codec, err := v.key()
	if err != nil {
		return nil, err
	}
	return codec.Seal(plain)
}

// inForce reports whether what is written is to be encrypted. Where a file cannot be read that may be encrypted, because
// there is a place for the key, it is taken for such.
func (v *vault) inForce() bool {
	for _, path := range []string{v.home.Providers(), v.home.Channels()} {
		_, err := jsonfile.File{Path: path}.Read()
		if errors.Is(err, jsonfile.ErrSealed) || err != nil && v.hasPlace() {
			return true
		}
	}
	return false
}

func (v *vault) hasPlace() bool {
	_, err := os.Lstat(v.pointer())
	return err == nil || strings.TrimSpace(v.env(keyVariable)) != ""
}

// sealed reports whether a file is encrypted.
func sealed(path string) bool {
	_, err := jsonfile.File{Path: path}.Read()
	return errors.Is(err, jsonfile.ErrSealed)
}

// key gives the codec; ErrSealed if the key is nowhere.
func (v *vault) key() (jsonfile.Codec, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.codec != nil {
		return v.codec, nil
	}
	key, where, err := v.find()
	if err != nil {
		return nil, &jsonfile.NoKey{Where: where, Err: err}
	}
	if v.learn != nil {
		v.learn(key)
	}
	v.codec, err = jsonfile.NewCodec(key)
	return v.codec, err
}

// find looks for the key and says where it looked.
func (v *vault) find() (key secret.String, where string, err error) {
	if k := strings.TrimSpace(v.env(keyVariable)); k != "" {
		return secret.New(k), "the variable " + keyVariable, nil
	}
	data, err := os.ReadFile(v.pointer())
	switch place := strings.TrimSpace(string(data)); {
	case err != nil:
		return secret.String{}, "the variable " + keyVariable, errors.New("it is not set")
	case place == inKeyring:
		k, err := askKeyring(string(v.home))
		return secret.New(strings.TrimSpace(k)), "the keyring of this system", err
	default:
		k, err := os.ReadFile(place) //nolint:gosec // the owner named it, in a file of their own
		return secret.New(strings.TrimSpace(string(k))), "the key file " + place, err
	}
}

// askKeyring does not wait for ever where a keyring asks a person who is not there to unlock it.
func askKeyring(account string) (string, error) {
	type answer struct {
		key string
		err error
	}
	got := make(chan answer, 1)
	go func() { // ends with the keyring's answer, or with the process
		key, err := keyring.Get(keyringName, account)
		got <- answer{key, err}
	}()
	select {
	case a := <-got:
		return a.key, a.err
	case <-time.After(keyringWait):
		return "", errors.New("it does not answer; unlock it")
	}
}

// pointer is the file that says where the key is. It holds no secret.
func (v *vault) pointer() string { return filepath.Join(v.home.Auth(), "key-location") }

// files are both auth files as they are read.
func (v *vault) files() []jsonfile.File {
	return []jsonfile.File{{Path: v.home.Providers(), Codec: v}, {Path: v.home.Channels(), Codec: v}}
}

func (a *app) authEncryptCommand() *cobra.Command {
	var keyFile string
	c := &cobra.Command{
		Use: "encrypt", Short: "Encrypt both auth files", Args: noArgs,
		Long: "encrypt encrypts auth/providers.json and auth/channels.json with AES-256-GCM. The key is that of GATEWAY_KEY (32\n" +
			"random bytes in base64) if it is set; else one is made and put into the system's keyring, or into the file that\n" +
			"--key-file names, which should lie elsewhere. Whoever loses the key loses the logins: keep a copy.",
		RunE: func(c *cobra.Command, _ []string) error { return a.encrypt(c.Context(), keyFile) },
	}
	c.Flags().StringVar(&keyFile, "key-file", "", "the file of the key; it is made if it is missing")
	return c
}

func (a *app) encrypt(ctx context.Context, keyFile string) error {
	home, err := config.MakeHome(a.env)
	if err != nil {
		return err
	}
	if err := config.LoadEnv(home.DotEnv()); err != nil {
		fmt.Fprintln(a.err, "warning: "+message(err))
	}
	v := &vault{home: home, env: a.env}
	if sealed(home.Providers()) || sealed(home.Channels()) {
		if _, err := v.key(); err != nil {
			return noKey(err)
		}
	}
	for _, f := range v.files() { // nothing is made where a file cannot be read
		if _, err := f.Read(); err != nil {
			return asFault(err, "")
		}
	}
	if _, err := v.key(); err != nil {
		if v.env(keyVariable) != "" {
			return exitError{1, fmt.Sprintf("%s is no key: %v.", keyVariable, err)}
		}
		if err := v.makeKey(keyFile); err != nil {
			return err
		}
	}
	codec, err := v.key()
	if err != nil {
		return exitError{1, err.Error()}
	}
	n, err := rewrite(ctx, v, codec)
	if err != nil {
		return asFault(err, "")
	}
	_, where, _ := v.find()
	fmt.Fprintf(a.out, "%s encrypted. The key is in %s; keep a copy of it in a safe place.\n", n, where)
	return nil
}

// rewrite writes the files that there are again.
func rewrite(ctx context.Context, v *vault, to jsonfile.Codec) (string, error) {
	var names []string
	for _, f := range v.files() {
		if stamp, err := f.Stat(); err != nil || stamp.Missing() {
			continue
		}
		if err := f.Rewrite(ctx, to); err != nil {
			return "", err
		}
		names = append(names, filepath.Base(f.Path))
	}
	switch len(names) {
	case 0:
		return "", exitError{1, "There is nothing stored yet. Log in first: gateway login"}
	case 1:
		return names[0] + " is", nil
	}
	return strings.Join(names, " and ") + " are", nil
}

// makeKey makes a key, where there is none yet, and remembers where it is.
func (v *vault) makeKey(keyFile string) error {
	place, key := inKeyring, jsonfile.NewKey()
	if keyFile != "" {
		abs, err := filepath.Abs(keyFile)
		if err != nil {
			return err
		}
		place = abs
		f, err := os.OpenFile(abs, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_, err = f.WriteString(key.Reveal() + "\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrExist) { // one that is there is taken
			return exitError{1, fmt.Sprintf("The key file cannot be written: %v.", err)}
		}
	} else if err := fillKeyring(string(v.home), key, askKeyring, keyring.Set); err != nil {
		return exitError{1, fmt.Sprintf("There is no keyring here that takes the key (%v). Say --key-file PATH, or set %s.", err, keyVariable)}
	}
	if err := os.MkdirAll(v.home.Auth(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(v.pointer(), []byte(place+"\n"), 0o600)
}

// fillKeyring puts a key into a keyring that has none. One that is there is taken, and where the keyring does not say
// whether there is one, as while it is locked, none is put in its place.
func fillKeyring(account string, key secret.String, ask func(string) (string, error), set func(name, account, key string) error) error {
	_, err := ask(account)
	if errors.Is(err, keyring.ErrNotFound) {
		return set(keyringName, account, key.Reveal())
	}
	return err
}

func (a *app) authDecryptCommand() *cobra.Command {
	return &cobra.Command{
		Use: "decrypt", Short: "Store both auth files in the plain again", Args: noArgs,
		Long: "decrypt undoes encrypt. The key stays where it is.",
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := config.FindHome(a.env)
			if err != nil {
				return err
			}
			if err := config.LoadEnv(home.DotEnv()); err != nil {
				fmt.Fprintln(a.err, "warning: "+message(err))
			}
			v := &vault{home: home, env: a.env}
			if !sealed(home.Providers()) && !sealed(home.Channels()) {
				fmt.Fprintln(a.out, "The auth files are not encrypted.")
				return nil
			}
			if _, err := v.key(); err != nil {
				return noKey(err)
			}
			n, err := rewrite(c.Context(), v, nil)
			if err != nil {
				return asFault(err, "")
			}
			fmt.Fprintf(a.out, "%s in the plain again, readable by you alone.\n", n)
			return nil
		},
	}
}

func noKey(err error) error {
	return fault(faultVault, fmt.Sprintf("the auth files are encrypted, and the key is not here: %v.", err),
		"set "+keyVariable+" to the key; no other key is made over files that cannot be read")
}
