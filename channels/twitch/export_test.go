package twitch

import (
	"context"
	"net"

	"chatgateway/channels"
)

// Look looks at a channel's token as before a connection, and renews it if it must be.
func Look(ctx context.Context, ch channels.Channel) error {
	return ch.(*channel).auth.look(ctx, renewBefore)
}

// SetDial makes a channel connect in memory, for tests on fake time.
func SetDial(ch channels.Channel, dial func(context.Context, string) (net.Conn, error)) {
	ch.(*channel).dial = dial
}
