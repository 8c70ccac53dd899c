package main

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"

	"github.com/gofrs/flock"

	"chatgateway/channelauth"
	"chatgateway/channels"
	"chatgateway/config"
	"chatgateway/gateway"
	"chatgateway/internal/jsonfile"
)

// botLocks keep two gateways of one person on one host from serving one bot, each from a home folder of its own. There is
// a lock for each token, in a folder that all of them know, under a slow hash of the token. It dies with its process.
type botLocks struct {
	dir  string
	home config.Home
	log  *slog.Logger
}

// botHolder says who has a bot.
type botHolder struct {
	PID     int    `json:"pid"`
	Home    string `json:"home"`
	Account string `json:"account"`
}

// botHeld is gateway.ErrHeld with a sentence.
type botHeld struct{ botHolder }

func (e *botHeld) Error() string { return e.UserMessage() }
func (e *botHeld) Unwrap() error { return gateway.ErrHeld }

func (e *botHeld) UserMessage() string {
	switch {
	case e.PID == os.Getpid():
		return fmt.Sprintf("The account %s has the same token, and two accounts on one bot take each other's messages. Give this one a bot of its own, or take it out.", e.Account)
	case e.PID == 0:
		return "Another gateway on this host serves this bot already. Stop it, or give this one a bot of its own."
	}
	return fmt.Sprintf("Another gateway on this host (process %d, home folder %s, account %s) serves this bot already. Stop that one, or give this one a bot of its own; it is tried again by itself.", e.PID, e.Home, e.Account)
}

// newBotLocks makes the folder where it is missing. Without one there are no locks, which is said and stops nothing.
func newBotLocks(home config.Home, log *slog.Logger) *botLocks {
	var errs error
	for _, dir := range lockFolders() {
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			err = os.Chmod(dir, 0o700) //nolint:gosec // a folder
		}
		if err == nil {
			return &botLocks{dir: dir, home: home, log: log}
		}
		errs = errors.Join(errs, err)
	}
	log.Warn("a second gateway on the same bot would not be noticed", "err", errs)
	return &botLocks{home: home, log: log}
}

// findBotLocks makes nothing.
func findBotLocks(home config.Home, log *slog.Logger) *botLocks {
	b := &botLocks{home: home, log: log}
	for _, dir := range lockFolders() {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			b.dir = dir
			break
		}
	}
	return b
}

// lockFolders are where the locks may be: the first that can be made has them. A person's folder in the system's list of
// users is the same whatever HOME and XDG_CACHE_HOME say; who has none there, as services do, has the cache folder.
func lockFolders() (dirs []string) {
	if dir := os.Getenv("GATEWAY_LOCKS"); dir != "" {
		return []string{dir}
	}
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) {
		dirs = append(dirs, filepath.Join(u.HomeDir, ".cache", "chatgateway"))
	}
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "chatgateway"))
	}
	return dirs
}

// hold takes an account's tokens for this process, until release. Its error is a *botHeld if somebody has one of them.
func (b *botLocks) hold(a gateway.Account) (release func(), err error) {
	var locks []*flock.Flock
	release = func() {
		for _, l := range locks { // in the file's place there is a new one for whoever comes next; see take
			_ = os.Remove(holderFile(l.Path()))
			_ = os.Remove(l.Path())
			_ = l.Close()
		}
	}
	for _, path := range b.paths(a.Service, a.Secrets) {
		l, err := take(path)
		if err == nil && l == nil {
			release()
			return nil, &botHeld{readHolder(path)}
		}
		if err == nil {
			locks = append(locks, l)
			err = writeHolder(path, botHolder{os.Getpid(), string(b.home), string(a.ID)})
		}
		if err != nil {
			b.log.Warn("a second gateway on the same bot would not be noticed", "account", string(a.ID), "err", err)
		}
	}
	return release, nil
}

// heldBy says who but the home folder's own gateway serves a bot; false: nobody.
func (b *botLocks) heldBy(service channels.Service, values channelauth.Source) (botHolder, bool) {
	for _, path := range b.paths(service, values) {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		l, err := take(path)
		if err == nil && l == nil {
			who := readHolder(path)
			return who, who.Home != string(b.home)
		}
		if l != nil {
			_ = l.Close()
		}
	}
	return botHolder{}, false
}

// take locks the file at path, which it makes; nil if somebody has it. A file that was removed while this waited for it
// locks nobody out, so the one that is there now is tried.
func take(path string) (*flock.Flock, error) {
	for {
		l := flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(jsonfile.LockFlags))
		got, err := l.TryLock()
		if err != nil || !got {
			_ = l.Close()
			return nil, err
		}
		mine, err := l.Stat()
		there, gone := os.Lstat(path)
		if err == nil && gone == nil && os.SameFile(mine, there) {
			return l, nil
		}
		_ = l.Close()
		if err != nil {
			return nil, err
		}
	}
}

// paths are the files of an account's locks. What several bots may share is left out; a password is told apart by the
// user name beside it.
func (b *botLocks) paths(service channels.Service, values channelauth.Source) (paths []string) {
	if b.dir == "" {
		return nil
	}
	name := service.Name
	for _, f := range service.Secrets {
		if f.Plain && !f.Optional {
			name += "\x00" + values.Secret(f.Name).Reveal()
		}
	}
	for _, f := range service.Secrets {
		v := values.Secret(f.Name)
		if f.Plain || f.Shared || v.Empty() {
			continue
		}
		sum, err := pbkdf2.Key(sha256.New, name+"\x00"+v.Reveal(), []byte("chatgateway bot lock"), 20_000, 16)
		if err == nil { // it fails with FIPS rules only, which the constants keep
			paths = append(paths, filepath.Join(b.dir, hex.EncodeToString(sum)+".lock"))
		}
	}
	return paths
}

// holderFile stands beside a lock, because a locked file cannot be read everywhere.
func holderFile(lock string) string { return lock + ".holder" }

func writeHolder(lock string, h botHolder) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return writeAnew(holderFile(lock), data)
}

// readHolder gives the zero value if nobody says.
func readHolder(lock string) (h botHolder) {
	if data, err := os.ReadFile(holderFile(lock)); err == nil {
		_ = json.Unmarshal(data, &h) // half a file says nothing
	}
	return h
}

// Interface guards
var _ interface{ UserMessage() string } = (*botHeld)(nil)
