package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseEnv(t *testing.T) {
	tests := []struct{ line, name, value string }{
		{"A=b", "A", "b"},
		{"  A = b c  ", "A", "b c"},
		{"export A=b", "A", "b"},
		{"export\tA=b", "A", "b"},
		{"exported=b", "exported", "b"},
		{"export=b", "export", "b"},
		{"A=", "A", ""},
		{"A=#x", "A", ""},
		{"A=b #x", "A", "b"},
		{"A=b#x", "A", "b#x"},
		{"A=b=c", "A", "b=c"},
		{`A="b # c" # d`, "A", "b # c"},
		{`A='b "c" \n'`, "A", `b "c" \n`},
		{`A="b \"c\" \n\t\\ \$X \q"`, "A", "b \"c\" \n\t\\ $X \\q"},
		{"A=\"b\nc\"", "A", "b\nc"},
		{"A='b\n# c\n'", "A", "b\n# c\n"},
		{"A=$B", "A", "$B"},
		{"A=b'c'", "A", "b'c'"},
		{"A=x\nA=y", "A", "y"},
		{"\xef\xbb\xbfA=b\r\n", "A", "b"},
		{"# c\n\n   # c\nA=b", "A", "b"},
	}
	for _, tt := range tests {
		got, bad := ParseEnv(".env", []byte(tt.line))
		if len(bad) > 0 || len(got) != 1 || got[0].Name != tt.name || got[0].Value != tt.value {
			t.Errorf("%q: got %+v, %v", tt.line, got, bad)
		}
	}
}

func TestParseEnvMistakes(t *testing.T) {
	const text = "A=1\nFAKE-secret\nB C=2\n1D=3\nE='FAKE\nF=4\nG=\"x\" FAKE\n=5\nH=6"
	got, bad := ParseEnv(".env", []byte(text))
	var found, wrong []string
	for _, v := range got {
		found = append(found, v.Name)
	}
	for _, p := range bad {
		wrong = append(wrong, p.where())
		if strings.Contains(p.Error(), "FAKE") {
			t.Errorf("a mistake tells what stands there: %v", p)
		}
	}
	if strings.Join(found, " ") != "A F H" || strings.Join(wrong, " ") != ".env:2:1 .env:3:1 .env:4:1 .env:5:1 .env:7:1 .env:8:1" {
		t.Errorf("got %v, %v", found, wrong)
	}
	for _, text := range []string{"A=\xff", "A=b\x00c", "\xff\xfeA\x00"} {
		if got, bad := ParseEnv(".env", []byte(text)); len(got) > 0 || len(bad) != 1 {
			t.Errorf("%q: got %v, %v", text, got, bad)
		}
	}
}

func TestLoadEnvNeverOverrides(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	if err := LoadEnv(path); err != nil {
		t.Errorf("a missing file: %v", err)
	}
	for name, value := range map[string]string{"CONFIG_TEST_SET": "old", "CONFIG_TEST_BLANK": "", "CONFIG_TEST_NEW": "x"} {
		t.Setenv(name, value) // puts it back at the end
	}
	if err := os.Unsetenv("CONFIG_TEST_NEW"); err != nil {
		t.Fatal(err)
	}
	text := "CONFIG_TEST_SET=new\nCONFIG_TEST_BLANK=new\nnonsense\nCONFIG_TEST_NEW=new\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := LoadEnv(path)
	if e, ok := errors.AsType[*Error](err); !ok || len(e.Problems) != 1 || e.Problems[0].Line != 3 {
		t.Errorf("got %v", err)
	}
	for name, want := range map[string]string{"CONFIG_TEST_SET": "old", "CONFIG_TEST_BLANK": "", "CONFIG_TEST_NEW": "new"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := LoadEnv(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
}

func TestHome(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a", "b")
	env := func(v string) func(string) string { return func(string) string { return v } }
	h, err := MakeHome(env(dir))
	if err != nil || string(h) != dir {
		t.Fatalf("got %s, %v", h, err)
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
	if h.Channels() != filepath.Join(dir, "auth", "channels.json") {
		t.Errorf("got %s", h.Channels())
	}
	if p, err := Path(env(dir)); err != nil || p != filepath.Join(dir, "config.yaml") {
		t.Errorf("got %s, %v", p, err)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(file, "x"), "/dev/null/x"} {
		_, err := MakeHome(env(bad))
		if e, ok := errors.AsType[*FolderError](err); !ok || !strings.Contains(e.UserMessage(), "set GATEWAY_HOME") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	t.Setenv("HOME", base)
	t.Setenv("USERPROFILE", base)
	if h, err := FindHome(env("")); err != nil || string(h) != filepath.Join(base, ".gateway") {
		t.Errorf("got %s, %v", h, err)
	}
}

func FuzzParseEnv(f *testing.F) {
	f.Add([]byte("A='b\nexport C=\"d\\n\" # e\n=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _ := ParseEnv(".env", data)
		for _, v := range got {
			if !variableName.MatchString(v.Name) || strings.ContainsRune(v.Value, 0) {
				t.Errorf("got %+v", v)
			}
		}
	})
}
