package markdown

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// renderers are all services, by the name that their part of a golden file has.
var renderers = []struct {
	name   string
	render func(string) string
}{
	{"telegram", Telegram},
	{"rich", TelegramRich},
	{"slack", Slack},
	{"discord", Discord},
	{"plain", Plain},
	{"html", HTML},
	{"email", func(md string) string { _, html := Email(md); return html }},
}

const ruler = "---------- "

// TestGolden compares what every service shows with testdata/golden: a file holds the Markdown and, after a ruler
// with its name, what each service gets.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, _, _ := strings.Cut(string(data), ruler+renderers[0].name)
			got := input
			for _, r := range renderers {
				got += ruler + r.name + "\n" + strings.TrimSuffix(r.render(input), "\n") + "\n"
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(data) {
				t.Errorf("got:\n%s\nwant:\n%s", got, data)
			}
		})
	}
}
