// Command load measures what a message costs. It plays Telegram and a model on loopback, drives the real program and
// the smallest possible one (package floor) with the same people, and prints both as a table and as JSON.
//
//	go run ./test/load            all measurements, about four minutes
//	go run ./test/load -kill 10   200 chats while the program is killed ten times: is every message answered?
//
// docs/performance.md tells the method and the figures.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"chatgateway/channels/telegram/telegramtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type options struct {
	gateway, floor string
	dir            string
	rounds         int
	kill           int
	seed           uint64
	quick          bool
	only           string
	json           string
	check          bool
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.gateway, "gateway", "", "the gateway's binary; empty: it is built")
	flag.StringVar(&o.floor, "floor", "", "the floor's binary; empty: it is built")
	flag.StringVar(&o.dir, "dir", "", "where homes are made; empty: a folder for temporary files")
	flag.IntVar(&o.rounds, "rounds", 3, "how often all is measured; medians are shown")
	flag.IntVar(&o.kill, "kill", 0, "instead of measuring, kill the gateway so many times under load")
	flag.Uint64Var(&o.seed, "seed", 1, "of what -kill does at random")
	flag.BoolVar(&o.quick, "quick", false, "fewer messages")
	flag.StringVar(&o.only, "only", "", "measure these alone: one,burst,slow,thousand,steady,loop,stream")
	flag.StringVar(&o.json, "json", "", "where the figures go as JSON; - is standard output")
	flag.BoolVar(&o.check, "check", false, "fail if a target is missed")
	flag.Parse()
	dir, err := os.MkdirTemp(o.dir, "load")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is a temporary folder
	if o.gateway == "" {
		if o.gateway, err = build(ctx, dir, "./cmd/gateway"); err != nil {
			return err
		}
	}
	if o.floor == "" && o.kill == 0 {
		if o.floor, err = build(ctx, dir, "./test/load/floor"); err != nil {
			return err
		}
	}
	if o.kill > 0 {
		return killed(ctx, o, dir)
	}
	return measured(ctx, o, dir)
}

// newWorld starts Telegram and the model.
func newWorld() (w *world, api, at string, closer func(), err error) {
	w = &world{tg: telegramtest.New(), crowd: &crowd{asks: map[int64]*ask{}, calls: map[string]int{}}}
	w.tg.Watch = w.watch
	w.bot = w.tg.AddBot(token, "load_bot")
	if api, err = w.tg.Start(); err != nil {
		return nil, "", "", nil, err
	}
	if w.model, at, err = newModel(); err != nil {
		w.tg.Close()
		return nil, "", "", nil, err
	}
	return w, api, at, func() { w.tg.Close(); _ = w.model.http.Close() }, nil
}

// measured runs every round on both programs, one after the other.
func measured(ctx context.Context, o options, dir string) error {
	r := report{Machine: machine(), When: time.Now().UTC().Format(time.RFC3339), Rounds: o.rounds}
	sync, err := diskSync(dir)
	if err != nil {
		return err
	}
	r.DiskSync = ms(sync)
	all := map[string][]figures{}
	for round := range o.rounds {
		for _, name := range []string{"floor", "gateway"} {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, name)
			f, err := once(ctx, o, filepath.Join(dir, fmt.Sprint(name, round)), name)
			if err != nil {
				return err
			}
			all[name] = append(all[name], f)
		}
	}
	r.Floor, r.Gateway = medians(all["floor"]), medians(all["gateway"])
	r.judge()
	r.print(os.Stdout)
	if o.json != "" {
		if err := r.write(o.json); err != nil {
			return err
		}
	}
	if o.check && r.missed() > 0 {
		return fmt.Errorf("%d targets are missed", r.missed())
	}
	return nil
}

// once measures one program from its start to its end.
func once(ctx context.Context, o options, dir, name string) (figures, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return figures{}, err
	}
	w, api, at, closer, err := newWorld()
	if err != nil {
		return figures{}, err
	}
	defer closer()
	p := floorProgram(o.floor, dir, api, at)
	var ready time.Duration
	if name == "gateway" {
		if p, err = gatewayProgram(o.gateway, dir, api, at); err != nil {
			return figures{}, err
		}
		if ready, err = emptyStart(ctx, o.gateway, dir); err != nil {
			return figures{}, err
		}
	}
	f, err := scenarios(ctx, o, w, p)
	if err != nil {
		return f, fmt.Errorf("%s: %w\n%s", name, err, tail(p.out.String()))
	}
	f.Ready = ms(ready)
	if info, err := os.Stat(p.args[0]); err == nil {
		f.Binary = float64(info.Size()) / 1e6
	}
	return f, nil
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

func (r *report) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if path == "-" {
		_, err = os.Stdout.Write(append(data, '\n'))
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // it is meant to be read
}

var errLost = errors.New("messages were not answered")
