package jsonfile

import (
	"context"
	"errors"
	"os"
	"time"
)

const (
	tryWait = time.Second
	tryRoom = 8 << 10 // more than a sign-in takes
)

// Try says what would keep Update from writing now, a full disk too, before anybody is asked for what is to be written.
// It changes nothing of the file. That others are writing is no reason: they end.
func (f File) Try(ctx context.Context) error {
	if err := MakeDir(f.Path); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryWait)
	defer cancel()
	unlock, err := Lock(ctx, f.Path)
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	doc, err := f.Read()
	if err != nil {
		return err
	}
	data, err := f.seal(doc.encode())
	if err != nil {
		return err
	}
	tmp, err := beside(f.Path, make([]byte, len(data)+tryRoom))
	if err != nil {
		return unwritable(f.Path, err)
	}
	_ = os.Remove(tmp) // a leftover is swept at the next write
	return nil
}
