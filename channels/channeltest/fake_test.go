package channeltest

import "testing"

func TestFakeKeepsThePromises(t *testing.T) {
	Run(t, func(*testing.T) Harness {
		f := NewFake()
		return Harness{
			Service: f.Service("fake"), Settings: &FakeSettings{}, Peer: f,
			Secrets: map[string]string{"token": GoodToken}, Bad: map[string]string{"token": "other-wrong-one-0002"},
		}
	})
}

func TestFakeWithALimit(t *testing.T) {
	Run(t, func(*testing.T) Harness {
		f := NewFake()
		f.Max, f.NoOnly, f.NoDelete, f.NoButtons = 700, true, true, true
		return Harness{
			Service: f.Service("fake"), Settings: &FakeSettings{}, Peer: f, Without: []string{Onlys, Presses},
			Secrets: map[string]string{"token": GoodToken}, Bad: map[string]string{"token": "other-wrong-one-0002"},
		}
	})
}
