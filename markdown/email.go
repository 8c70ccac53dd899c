package markdown

// Email returns the two parts of a mail that says md: plain text, and a whole HTML document that loads nothing from
// anywhere.
func Email(md string) (text, html string) {
	h := &htmlWriter{mail: true, out: make([]byte, 0, len(md)*2+1024)}
	h.raw(mailHead)
	h.document(md)
	h.raw("</body>\n</html>\n")
	return Plain(md), string(h.out)
}

const mailHead = `<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="font-family:sans-serif;font-size:15px;line-height:1.45">
`

// mailStyles are the styles of tags in mail.
var mailStyles = map[string]string{
	"pre":        "background:#f4f4f4;padding:8px;white-space:pre-wrap;font-family:monospace",
	"code":       "background:#f4f4f4;font-family:monospace",
	"blockquote": "border-left:3px solid #ccc;margin-left:0;padding-left:10px;color:#555",
	"table":      "border-collapse:collapse",
	"th":         "border:1px solid #ccc;padding:3px 8px",
	"td":         "border:1px solid #ccc;padding:3px 8px",
}
