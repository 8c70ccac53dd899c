package main

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"text/tabwriter"
)

// report is the whole of a run.
type report struct {
	Machine  string   `json:"machine"`
	When     string   `json:"when"`
	Rounds   int      `json:"rounds"`
	DiskSync float64  `json:"disk_sync_ms"`
	Gateway  figures  `json:"gateway"`
	Floor    figures  `json:"floor"`
	Targets  []target `json:"targets"`
}

// target is what was set for a figure, and whether it was met.
type target struct {
	What  string  `json:"what"`
	Got   float64 `json:"got"`
	Limit float64 `json:"limit"`
	Met   bool    `json:"met"`
}

const lostTarget = "messages lost"

// judge compares; what was not measured is left out.
func (r *report) judge() {
	g, f := r.Gateway, r.Floor
	r.Targets = []target{
		{What: "one chat: added p50, ms: twice the floor's and one disk sync", Got: g.One.Added50, Limit: 2*f.One.Added50 + r.DiskSync},
		{What: "one chat: CPU s per 1,000: twice the floor's", Got: g.One.CPU, Limit: 2 * f.One.CPU},
		{What: "200 chats, model 200 ms: p99 of finals, ms: twice the floor's", Got: g.Slow.Final99, Limit: 2 * f.Slow.Final99},
		{What: "1,000 at once: p99 of finals, ms: three times the floor's", Got: g.Thousand.Thousand.Final99, Limit: 3 * f.Thousand.Thousand.Final99},
		{What: "idle RSS, MB", Got: g.RSSIdle, Limit: 20},
		{What: "program file, MB", Got: g.Binary, Limit: 25},
		{What: "empty home: ready, ms", Got: g.Ready, Limit: 20},
		{What: "model streams for 3 s: first visible text p99, ms", Got: g.Stream.First99, Limit: 500},
		{What: lostTarget, Got: float64(g.lost()), Limit: 0},
	}
	r.Targets = slices.DeleteFunc(r.Targets, func(t target) bool { return t.Got == 0 && t.What != lostTarget })
	for i := range r.Targets {
		t := &r.Targets[i]
		t.Met = t.Got <= t.Limit
	}
}

func (f *figures) loads() []load {
	return []load{f.One, f.Burst, f.Slow, f.Thousand.Thousand, f.Steady, f.Loop, f.Stream}
}

func (f *figures) lost() (n int) {
	for _, l := range f.loads() {
		n += l.Lost
	}
	return n
}

func (r *report) missed() (n int) {
	for _, t := range r.Targets {
		if !t.Met {
			n++
		}
	}
	return n
}

// print writes the tables.
func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "%s; a disk sync takes %.2f ms; medians of %d rounds\n\n", r.Machine, r.DiskSync, r.Rounds)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tfloor\tgateway\t")
	for _, l := range []struct {
		what       string
		floor, gtw float64
	}{
		{"program file, MB", r.Floor.Binary, r.Gateway.Binary},
		{"empty home: start to ready, ms", r.Floor.Ready, r.Gateway.Ready},
		{"start to first poll, ms", r.Floor.Start, r.Gateway.Start},
		{"RSS idle, MB", r.Floor.RSSIdle, r.Gateway.RSSIdle},
		{"… not the program file", r.Floor.Anon, r.Gateway.Anon},
		{"RSS peak, MB", r.Floor.RSSPeak, r.Gateway.RSSPeak},
		{"RSS 10 s after the load, MB", r.Floor.RSSEnd, r.Gateway.RSSEnd},
		{"SIGTERM to the end, ms", r.Floor.Stop, r.Gateway.Stop},
	} {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t\n", l.what, l.floor, l.gtw)
	}
	_ = w.Flush()
	fmt.Fprintln(out)
	fmt.Fprintln(w, "\t\tadded p50\tadded p99\tfirst word p50\tfinal p50\tfinal p99\tmsg/s\tCPU s/1000\tedits\tcalls\tlost\t")
	names := []string{"one chat, model 0", "200 at once, model 0", "200 at once, model 200 ms", "1,000 at once, model 0", "10/s in 50 chats, 200 ms", "50 chats without pause", "streams for 3 s, 50 chats"}
	floor, gtw := r.Floor.loads(), r.Gateway.loads()
	for i, name := range names {
		for j, l := range []load{floor[i], gtw[i]} {
			if l.Messages == 0 {
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%.1f\t%.1f\t%.0f\t%.1f\t%.1f\t%.0f\t%.2f\t%.1f\t%.1f\t%d\t\n", name, []string{"floor", "gateway"}[j],
				l.Added50, l.Added99, l.First50, l.Final50, l.Final99, l.Rate, l.CPU, l.Edits, l.Calls, l.Lost)
		}
	}
	_ = w.Flush()
	fmt.Fprintln(out)
	fmt.Fprintln(w, "target\tgot\tlimit\t\t")
	for _, t := range r.Targets {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%s\t\n", t.What, t.Got, t.Limit, map[bool]string{true: "met", false: "MISSED"}[t.Met])
	}
	_ = w.Flush()
}

// medians takes the median of every number over the rounds.
func medians(rounds []figures) (m figures) {
	list := make([]reflect.Value, len(rounds))
	for i := range rounds {
		list[i] = reflect.ValueOf(rounds[i])
	}
	median(reflect.ValueOf(&m).Elem(), list)
	return m
}

func median(into reflect.Value, from []reflect.Value) {
	switch into.Kind() {
	case reflect.Struct:
		for i := range into.NumField() {
			fields := make([]reflect.Value, len(from))
			for j, f := range from {
				fields[j] = f.Field(i)
			}
			median(into.Field(i), fields)
		}
	case reflect.Int: // counts: the worst of them
		for _, f := range from {
			into.SetInt(max(into.Int(), f.Int()))
		}
	case reflect.Float64:
		var all []float64
		for _, f := range from {
			all = append(all, f.Float())
		}
		slices.Sort(all)
		into.SetFloat(all[len(all)/2])
	}
}
