// Package wire holds what the providers' clients share: one HTTP client, one mapping of failures to the errors of
// package providers, and bounds. It knows no service.
package wire

import (
	"context"
	"errors"

	"chatgateway/providers"
)

// Ended is the error of a stream whose context has ended: ErrTimeout if that is what it ended for, else ErrCut. The
// context's error and its cause can be found in it.
func Ended(ctx context.Context, name string) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	kind := providers.ErrCut
	if errors.Is(cause, providers.ErrTimeout) || errors.Is(cause, context.DeadlineExceeded) {
		kind = providers.ErrTimeout
	}
	if !errors.Is(cause, err) {
		err = errors.Join(err, cause)
	}
	return &providers.Error{Kind: kind, Provider: name, Err: err}
}
