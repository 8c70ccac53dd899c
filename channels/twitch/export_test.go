package twitch

import (
	"context"
	"net"

	"chatgateway/channels"
)

// SetDial makes a channel connect in memory, for tests on fake time.
func SetDial(ch channels.Channel, dial func(context.Context, string) (net.Conn, error)) {
	ch.(*channel).dial = dial
}
