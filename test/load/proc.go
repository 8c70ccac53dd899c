package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"chatgateway/channels/telegram/telegramtest"
)

const token = "123456:FAKE-token-for-the-load-test"

// program is what is measured: the gateway, or the floor.
type program struct {
	name string
	args []string
	env  []string
	home string
	cmd  *exec.Cmd
	out  bytes.Buffer
}

// start runs the program until it polls and gives how long that took.
func (p *program) start(ctx context.Context, w *world) (time.Duration, error) {
	p.out.Reset()
	p.cmd = exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "TMPDIR=" + os.TempDir()}, p.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	begin, polls := time.Now(), w.tg.Count("getUpdates")
	if err := p.cmd.Start(); err != nil {
		return 0, err
	}
	for w.tg.Count("getUpdates") == polls { // no poll is held while people write: each is answered at once
		if time.Since(begin) > 30*time.Second {
			p.kill()
			return 0, fmt.Errorf("%s did not come up:\n%s", p.name, p.out.String())
		}
		time.Sleep(200 * time.Microsecond)
	}
	return time.Since(begin), nil
}

// kill ends the program without a warning.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// stop asks the program to end and gives how long it took.
func (p *program) stop() time.Duration {
	begin := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	t := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer t.Stop()
	_ = p.cmd.Wait()
	return time.Since(begin)
}

// memory gives what the program holds now, what of it is its own, and the most it ever held, in MB. Linux alone tells.
func (p *program) memory() (rss, anon, peak float64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, 0
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			rss = kb / 1024
		case "RssAnon:":
			anon = kb / 1024
		case "VmHWM:":
			peak = kb / 1024
		}
	}
	return rss, anon, peak
}

// cpu is the processor time the program has used. Linux alone tells.
func (p *program) cpu() time.Duration {
	total := int64(0)
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	for _, t := range tasks {
		if data, err := os.ReadFile(t); err == nil { //nolint:gosec // the path is ours
			n, _ := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64)
			total += n
		}
	}
	return time.Duration(total)
}

// build compiles what is measured, as a release is compiled.
func build(ctx context.Context, dir, pkg string) (string, error) {
	out := filepath.Join(dir, filepath.Base(pkg))
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

// gatewayProgram prepares the gateway in a home of its own.
func gatewayProgram(bin, dir, api, model string) (*program, error) {
	home := filepath.Join(dir, "home")
	config := `model: ollama/fake
channels:
  telegram:
    api_base: ` + api + `
    allow_from: ["*"]
    private_policy: open
providers:
  ollama:
    base_url: ` + model + `
limits:
  turns_per_hour: 1000000
page:
  enabled: false
`
	channels := `{"telegram": {"bot_token": "` + token + `"}}`
	for name, text := range map[string]string{"config.yaml": config, "auth/channels.json": channels} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return &program{name: "gateway", args: []string{bin, "serve"}, home: home, env: []string{"GATEWAY_HOME=" + home, "GATEWAY_LOCKS=" + home}}, nil
}

func floorProgram(bin, dir, api, model string) *program {
	return &program{name: "floor", args: []string{bin}, home: dir, env: []string{"FLOOR_API=" + api + "/bot" + token, "FLOOR_MODEL=" + model}}
}

// diskSync measures what it costs to bring a small write to the disk that the homes are on: the median of many.
func diskSync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	var took []time.Duration
	for range 100 {
		begin := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin))
	}
	return percentile(took, 50), nil
}

func machine() string {
	name := runtime.GOARCH
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				name = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, %s", name, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}

// world is what both programs live in.
type world struct {
	tg    *telegramtest.Server
	bot   *telegramtest.Bot
	model *model
	*crowd
}
