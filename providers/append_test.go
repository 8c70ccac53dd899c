package providers

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestAppend(t *testing.T) {
	raw := json.RawMessage(`{"signature":"s"}`)
	call := &Call{ID: "1", Name: "f", Args: json.RawMessage(`{}`)}
	var got []Part
	for _, p := range []Part{
		{Thought: "a"}, {Thought: "b"}, {Raw: raw, By: "x"}, {}, {Text: "one "}, {Text: "two"}, {Call: call},
		{Raw: raw, By: "x"}, {Thought: "c"}, {Text: "three"},
	} {
		got = Append(got, p)
	}
	want := []Part{
		{Thought: "ab", Raw: raw, By: "x"}, {Text: "one two"}, {Call: call}, {Raw: raw, By: "x"}, {Thought: "c"}, {Text: "three"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
