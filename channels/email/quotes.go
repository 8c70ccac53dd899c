package email

import (
	"slices"
	"strings"

	"chatgateway/internal/lazyregexp"
)

var (
	// attribution is the line, or the two, above a quoted mail.
	attribution = lazyregexp.New(`(?i)^(on\b.{5,200}\bwrote|am\b.{5,200}\bschrieb.{0,100}|le\b.{5,200}\ba écrit|el\b.{5,200}\bescribió|il\b.{5,200}\bha scritto|op\b.{5,200}\bschreef.{0,100}|em\b.{5,200}\bescreveu|den\b.{5,200}\bskrev.{0,100}|.{3,120}<[^<>\s]+@[^<>\s]+>.{0,60}\b(wrote|schrieb|a écrit|escribió)|.{0,40}\d{4}.{3,120}(写道|のメール))\s?:$`)
	original    = lazyregexp.New(`(?i)^-{2,}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|oorspronkelijk bericht|原始邮件)\s*-{2,}$`)
	outlookFrom = lazyregexp.New(`(?i)^\*?(from|von|de|da|van|från|发件人|差出人)\s?[:：]\*?\s+\S`)
	outlookNext = lazyregexp.New(`(?i)^\*?(sent|gesendet|envoyé|enviado|inviato|verzonden|skickat|date|datum|to|an|à|subject|betreff|发送时间|送信日時)\s?[:：]`)
	sentFrom    = lazyregexp.New(`(?i)^(sent from (my|mail|yahoo|proton)|get outlook for|von meinem .{2,30} gesendet|gesendet von|envoyé de mon|enviado desde mi|sent via)\b.{0,80}$`)
)

// ownWords takes out of a mail what its author did not write now: the mail that is answered, above or below, and the
// signature. Quotes between one's own words stay, as what they answer.
func ownWords(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\u00a0")
	}
	lines = beforeOriginal(lines)
	lines = withoutTail(lines)
	if at := signature(lines); at >= 0 {
		lines = lines[:at]
	}
	lines = withoutTail(lines)
	for len(lines) > 0 && (lines[len(lines)-1] == "" || sentFrom.MatchString(lines[len(lines)-1])) {
		lines = lines[:len(lines)-1]
	}
	return strings.TrimSpace(strings.Join(withoutHead(lines), "\n"))
}

// beforeOriginal cuts where a program puts the whole mail that is answered, unmarked.
func beforeOriginal(lines []string) []string {
	for i, l := range lines {
		if original.MatchString(l) {
			return lines[:i]
		}
		if outlookFrom.MatchString(l) && i+1 < len(lines) && outlookNext.MatchString(lines[i+1]) {
			for i > 0 && strings.Trim(lines[i-1], "_-") == "" {
				i--
			}
			return lines[:i]
		}
	}
	return lines
}

func quote(l string) bool { return strings.HasPrefix(l, ">") }

// withoutTail cuts a quote at the end, and the line above it that says whose it is.
func withoutTail(lines []string) []string {
	end := len(lines)
	for end > 0 && (lines[end-1] == "" || quote(lines[end-1])) {
		end--
	}
	if !slices.ContainsFunc(lines[end:], quote) {
		if end > 0 && attributed(lines[:end]) > 0 { // the quote itself was an HTML one
			return lines[:end-attributed(lines[:end])]
		}
		return lines
	}
	return lines[:end-attributed(lines[:end])]
}

// attributed says how many lines at the end say whose the quote below is.
func attributed(lines []string) int {
	joined := ""
	for n := 1; n <= 3 && n <= len(lines); n++ {
		l := lines[len(lines)-n]
		if l == "" {
			return 0
		}
		joined = strings.TrimSpace(l + " " + joined)
		if attribution.MatchString(joined) {
			return n
		}
	}
	return 0
}

// withoutHead cuts a quote at the beginning, for those who write below it.
func withoutHead(lines []string) []string {
	at := 0
	for at < len(lines) && lines[at] == "" {
		at++
	}
	start := at
	for n := 1; n <= 3 && at+n <= len(lines); n++ {
		if at+n < len(lines) && quote(lines[at+n]) && attributed(lines[at:at+n]) == n {
			at += n
			break
		}
	}
	from := at
	for at < len(lines) && (quote(lines[at]) || lines[at] == "") {
		at++
	}
	if at == len(lines) || !slices.ContainsFunc(lines[from:at], quote) || slices.ContainsFunc(lines[at:], quote) {
		return lines[start:]
	}
	return lines[at:]
}

// signature finds the line that begins it; -1 if there is none. What is quoted has signatures of its own.
func signature(lines []string) int {
	for i, l := range lines {
		if l == "--" && i > 0 && len(lines)-i <= 20 {
			return i
		}
	}
	return -1
}
