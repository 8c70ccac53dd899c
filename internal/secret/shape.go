package secret

import (
	"strings"

	"chatgateway/internal/lazyregexp"
)

// shapes are the forms of keys and tokens that services give out. They are hints: for redaction and for a question
// back, never for refusing a key.
var shapes = lazyregexp.New(`(?:^|[\s"'=:,(<\[` + "`" + `])(` + strings.Join([]string{
	`sk-[A-Za-z0-9_-]{16,}`, `sk_[A-Za-z0-9_-]{16,}`, `gsk_[A-Za-z0-9]{16,}`, `xai-[A-Za-z0-9_-]{16,}`, `csk-[A-Za-z0-9]{16,}`,
	`nvapi-[A-Za-z0-9_-]{16,}`, `AIza[A-Za-z0-9_-]{20,}`, `hf_[A-Za-z0-9_]{16,}`, `fw_[A-Za-z0-9]{16,}`, `fpk_[A-Za-z0-9_]{16,}`,
	`vck_[A-Za-z0-9]{16,}`, `cpk_[A-Za-z0-9._-]{16,}`, `ABSK[A-Za-z0-9+/=]{20,}`, `A[KS]IA[A-Z0-9]{16}`, `gh[opusr]_[A-Za-z0-9]{16,}`,
	`github_pat_[A-Za-z0-9_]{20,}`, `eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`, `xox[abeprs]-[A-Za-z0-9-]{10,}`,
	`xapp-[A-Za-z0-9-]{10,}`, `[0-9]{6,12}:[A-Za-z0-9_-]{30,}`, `[MNO][A-Za-z0-9_-]{22,}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}`,
	`[0-9a-f]{32}\.[A-Za-z0-9]{16}`, `oauth:[a-z0-9]{30}`,
}, `|`) + `)`)

// Shaped reports whether text holds something shaped like a key or a token of a service that we know.
func Shaped(text string) bool { return shapes.MatchString(text) }

// Redact replaces everything in text that is shaped like a key or a token.
func Redact(text string) string {
	if !Shaped(text) {
		return text
	}
	for {
		at := shapes.FindStringSubmatchIndex(text)
		if at == nil {
			return text
		}
		text = text[:at[2]] + Mask + text[at[3]:]
	}
}
