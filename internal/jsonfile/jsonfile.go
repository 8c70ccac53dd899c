// Package jsonfile keeps JSON object files of ours that hold secrets: locked between processes, replaced as a whole,
// readable by the owner alone, and with everything kept that this program does not know.
//
// A reader takes no lock, because a file is only ever replaced by a rename: it sees the old one or the new one. A
// writer holds the lock of the file from before it reads until after the rename. What cannot be read is never
// overwritten.
package jsonfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"
)

// MaxSize is the most bytes a file may have; a larger one is not ours and is refused.
const MaxSize = 16 << 20

// lockWait bounds the wait of Update for the lock where the context has no deadline.
const lockWait = 20 * time.Second

// File is one JSON object file. It keeps no state: a copy is as good as the original, and all methods may be called
// from any goroutine and process at once.
type File struct {
	Path  string
	Codec Codec // how the bytes are encrypted at rest; nil: they are plain JSON
}

// Codec encrypts a file at rest. Both methods are safe for concurrent use.
type Codec interface {
	// Open gives the plain JSON. Data that was never sealed is returned as it is. Where the key is missing the error
	// wraps ErrSealed.
	Open(data []byte) ([]byte, error)
	// Seal gives what is to be written: a JSON object that has the key SealedKey, or the plain one where nothing is to
	// be encrypted.
	Seal(plain []byte) ([]byte, error)
}

// SealedKey marks an encrypted file: a reader without a Codec refuses a file that has it, and so never mixes plain
// records into it.
const SealedKey = "@sealed"

// Stamp tells one state of a file from another without reading it. The zero value is the stamp of no file.
type Stamp struct {
	modified time.Time
	seen     time.Time
	size     int64
	inode    uint64
}

// Same reports whether the file that s was taken of is certainly still the same at t. Where a file was written so
// shortly before s was taken that a second write could bear the same time, it is false: read again.
func (s Stamp) Same(t Stamp) bool {
	return s.equal(t) && s.Age() > coarsest
}

// coarsest is how far apart two times must be for every file system to tell them apart.
const coarsest = 2 * time.Second

func (s Stamp) equal(t Stamp) bool {
	return s.size == t.size && s.inode == t.inode && s.modified.Equal(t.modified)
}

// Missing reports whether there was no file.
func (s Stamp) Missing() bool { return s.modified.IsZero() && s.size == 0 && s.inode == 0 }

// Empty reports whether there was a file with nothing in it: one that is being saved, perhaps, for Update never leaves
// one so.
func (s Stamp) Empty() bool { return s.size == 0 && !s.Missing() }

// Age is how long before the stamp was taken the file was written; for no file, longer than anything.
func (s Stamp) Age() time.Duration {
	if s.Missing() {
		return math.MaxInt64
	}
	return s.seen.Sub(s.modified).Abs()
}

func stampOf(info fs.FileInfo) Stamp {
	return Stamp{modified: info.ModTime(), seen: time.Now(), size: info.Size(), inode: inodeOf(info)}
}

// Stat takes the file's stamp: one lstat, nothing is opened. A missing file has the zero stamp and no error.
func (f File) Stat() (Stamp, error) {
	info, err := os.Lstat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{}, nil
	}
	if err != nil {
		return Stamp{}, unreadable(f.Path, err)
	}
	return stampOf(info), nil
}

// Read reads the file. A missing or empty file gives an empty Doc. Any error is an *Error: the file is a symbolic
// link, belongs to somebody else, is no regular file, is too large, cannot be read, or holds no JSON object.
func (f File) Read() (*Doc, error) {
	data, stamp, err := readRegular(f.Path)
	if err != nil {
		return nil, err
	}
	plain, err := f.open(data)
	if err != nil {
		return nil, err
	}
	doc, err := parse(f.Path, plain)
	if err != nil {
		return nil, err
	}
	if f.Codec == nil && doc.Has(SealedKey) {
		return nil, &Error{Path: f.Path, Reason: "it is encrypted, and there is no key to open it", Do: "give the key (GATEWAY_KEY)", Err: ErrSealed}
	}
	doc.stamp = stamp
	return doc, nil
}

// Update reads the file under its lock, lets change work on what it holds, and replaces it if something changed. The
// folder is made (0700) if it is missing. ctx bounds the wait for the lock only, 20 seconds if it has no deadline: from
// then on the write is finished even if ctx ends. An error of change is returned as it is, and nothing is written.
// change must not call Update for the same file.
func (f File) Update(ctx context.Context, change func(*Doc) error) error {
	if err := MakeDir(f.Path); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := Lock(ctx, f.Path)
	if err != nil {
		return err
	}
	defer unlock()

	doc, err := f.Read()
	if err != nil {
		return err
	}
	before := doc.encode()
	if err := change(doc); err != nil {
		return err
	}
	after := doc.encode()
	if bytes.Equal(before, after) {
		return nil
	}
	return f.write(after)
}

// Rewrite writes the file again under its lock, read with one Codec and written with another: f.Codec reads, to
// writes. It is how a file is encrypted, decrypted, or given another key. A missing file stays missing.
func (f File) Rewrite(ctx context.Context, to Codec) error {
	if stamp, err := f.Stat(); err != nil || stamp.Missing() {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := Lock(ctx, f.Path)
	if err != nil {
		return err
	}
	defer unlock()
	doc, err := f.Read()
	if err != nil || doc.stamp.Missing() {
		return err
	}
	return File{Path: f.Path, Codec: to}.write(doc.encode())
}

func (f File) open(data []byte) ([]byte, error) {
	if f.Codec == nil || len(bytes.TrimSpace(data)) == 0 {
		return data, nil
	}
	plain, err := f.Codec.Open(data)
	if k, ok := errors.AsType[*NoKey](err); ok {
		return nil, keyless(f.Path, k, err)
	}
	if err != nil {
		return nil, &Error{Path: f.Path, Reason: "it is encrypted and the key does not open it", Do: "give the key it was encrypted with", Err: err}
	}
	return plain, nil
}

func (f File) write(plain []byte) error {
	data, err := f.seal(plain)
	if err != nil {
		return err
	}
	return replace(f.Path, data)
}

// seal gives what stands in the file for the plain JSON.
func (f File) seal(plain []byte) ([]byte, error) {
	if f.Codec == nil {
		return plain, nil
	}
	data, err := f.Codec.Seal(plain)
	if k, ok := errors.AsType[*NoKey](err); ok {
		return nil, keyless(f.Path, k, err)
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt %s: %w", f.Path, err)
	}
	return data, nil
}

// readRegular reads a file that is ours: regular, no link, of our owner. It never blocks on a pipe.
func readRegular(path string) (data []byte, stamp Stamp, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Stamp{}, nil
	}
	if err != nil {
		return nil, Stamp{}, unreadable(path, err)
	}
	if err := trusted(path, info); err != nil {
		return nil, Stamp{}, err
	}
	file, err := openNoFollow(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Stamp{}, nil
	}
	if err != nil {
		return nil, Stamp{}, unreadable(path, err)
	}
	defer func() { _ = file.Close() }() // only read from
	if info, err = file.Stat(); err != nil {
		return nil, Stamp{}, unreadable(path, err)
	}
	if err := trusted(path, info); err != nil { // again: it may have been exchanged in between
		return nil, Stamp{}, err
	}
	data, err = io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, Stamp{}, unreadable(path, err)
	}
	if len(data) > MaxSize {
		return nil, Stamp{}, tooLarge(path)
	}
	return data, stampOf(info), nil
}

// trusted says why the file cannot be one of ours.
func trusted(path string, info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		return &Error{Path: path, Reason: "it is a symbolic link, which is never followed here", Do: "put the file itself there", Err: ErrUntrusted}
	case mode.IsDir():
		return &Error{Path: path, Reason: "it is a folder, not a file", Do: "move it away", Err: ErrUntrusted}
	case !mode.IsRegular():
		return &Error{Path: path, Reason: "it is no regular file", Do: "move it away", Err: ErrUntrusted}
	case info.Size() > MaxSize:
		return tooLarge(path)
	}
	if who, foreign := foreignOwner(info); foreign {
		return &Error{Path: path, Reason: "it belongs to another user (" + who + ")", Do: "make it your own (chown) or move it away", Err: ErrUntrusted}
	}
	return nil
}
