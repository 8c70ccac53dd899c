package jsonfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"chatgateway/internal/secret"
)

// KeyVariable is the variable that may hold the key.
const KeyVariable = "GATEWAY_KEY"

// KeySize is the size of a key in bytes: AES-256.
const KeySize = 32

// sealed is what stands under SealedKey in an encrypted file.
type sealed struct {
	Version int    `json:"version"`
	Cipher  string `json:"cipher"`
	Key     string `json:"key"` // which key, by its fingerprint
	Nonce   []byte `json:"nonce"`
	Data    []byte `json:"data"`
}

const (
	sealVersion = 1
	sealCipher  = "AES-256-GCM"
	sealLabel   = "gateway auth file 1" // what is authenticated besides the data
)

// ErrWrongKey: the file was encrypted with another key.
var ErrWrongKey = errors.New("it was encrypted with another key")

type sealer struct {
	aead  cipher.AEAD
	print string
}

// NewCodec encrypts files with AES-256-GCM under a key of KeySize random bytes, in base64 or hexadecimal digits. Every
// write takes a fresh random nonce. A file that is not encrypted yet is read as it is and encrypted at the next write.
func NewCodec(key secret.String) (Codec, error) {
	raw, err := keyBytes(strings.TrimSpace(key.Reveal()))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("key of the auth files: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("key of the auth files: %w", err)
	}
	return &sealer{aead: aead, print: secret.New(string(raw)).Fingerprint()}, nil
}

// NewKey makes a key for NewCodec.
func NewKey() secret.String {
	raw := make([]byte, KeySize)
	_, _ = rand.Read(raw) // never fails
	return secret.New(base64.StdEncoding.EncodeToString(raw))
}

func keyBytes(text string) ([]byte, error) {
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if raw, err := decode(text); err == nil && len(raw) == KeySize {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("a key of the auth files is %d random bytes in base64, as openssl rand -base64 %d makes them", KeySize, KeySize)
}

// Seal implements Codec.
func (s *sealer) Seal(plain []byte) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	var d Doc
	err := d.Set(SealedKey, sealed{
		Version: sealVersion, Cipher: sealCipher, Key: s.print, Nonce: nonce,
		Data: s.aead.Seal(nil, nonce, plain, []byte(sealLabel)),
	})
	return d.encode(), err
}

// Open implements Codec.
func (s *sealer) Open(data []byte) ([]byte, error) {
	d, err := Parse(data)
	if err != nil || !d.Has(SealedKey) {
		return data, nil //nolint:nilerr // plain, or broken in a way that its reader says
	}
	var box sealed
	if json.Unmarshal(d.Raw(SealedKey), &box) != nil || d.Len() != 1 {
		return nil, ErrCorrupt
	}
	switch {
	case box.Version != sealVersion || box.Cipher != sealCipher || len(box.Nonce) != s.aead.NonceSize():
		return nil, fmt.Errorf("encrypted in a way that this version does not know: %w", ErrCorrupt)
	case box.Key != s.print:
		return nil, ErrWrongKey
	}
	plain, err := s.aead.Open(nil, box.Nonce, box.Data, []byte(sealLabel))
	if err != nil {
		return nil, fmt.Errorf("it was damaged or changed: %w", ErrCorrupt)
	}
	return plain, nil
}
