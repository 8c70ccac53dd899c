package wire

import (
	"strings"

	"chatgateway/providers"
)

// HasImage reports whether a request holds an image.
func HasImage(req providers.Request) bool {
	for _, m := range req.Messages {
		for _, p := range m.Parts {
			if p.Blob != nil && IsImage(*p.Blob) {
				return true
			}
		}
	}
	return false
}

// IsImage reports whether a blob is an image.
func IsImage(b providers.Blob) bool { return strings.HasPrefix(b.Type, "image/") }
