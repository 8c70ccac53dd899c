package main

import (
	"strings"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for n := 100; n > 0; n-- { // in no order
		list = append(list, time.Duration(n))
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 51, 99: 100, 100: 100} {
		if got := percentile(list, p); got != want {
			t.Errorf("percentile %v: got %d, want %d", p, got, want)
		}
	}
	if list[0] != 100 {
		t.Error("it sorted what it was given")
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestMedians(t *testing.T) {
	m := medians([]figures{
		{Start: 9, One: load{Messages: 3, Lost: 0, Added50: 1}},
		{Start: 1, One: load{Messages: 3, Lost: 2, Added50: 5}},
		{Start: 4, One: load{Messages: 3, Lost: 0, Added50: 2}},
	})
	if m.Start != 4 || m.One.Added50 != 2 {
		t.Errorf("start %v, added %v; want 4, 2", m.Start, m.One.Added50)
	}
	if m.One.Lost != 2 {
		t.Errorf("lost %d; want the worst round's 2", m.One.Lost)
	}
}

func TestJudge(t *testing.T) {
	r := report{DiskSync: 1, Floor: figures{One: load{Added50: 2}}, Gateway: figures{RSSIdle: 21, One: load{Added50: 5, Lost: 1}}}
	r.judge()
	met := map[string]bool{}
	for _, x := range r.Targets {
		name, _, _ := strings.Cut(x.What, ",")
		met[name] = x.Met
	}
	want := map[string]bool{"one chat: added p50": true, "idle RSS": false, lostTarget: false}
	for name, ok := range want {
		if got, there := met[name]; !there || got != ok {
			t.Errorf("%s: judged %v (there: %v), want %v", name, got, there, ok)
		}
	}
	if len(met) != len(want) {
		t.Errorf("judged what was not measured: %v", met)
	}
	if r.missed() != 2 {
		t.Errorf("missed %d, want 2", r.missed())
	}
}
