package wire

import (
	"math"
	"testing"
)

// FuzzModels: whatever a service lists, a model has a name, and numbers that can be shown.
func FuzzModels(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"a","context_length":8192,"architecture":{"input_modalities":["image"]},"pricing":{"prompt":"0.000001","completion":1e-6}}]}`))
	f.Add([]byte(`["a",{"name":"models/b","inputTokenLimit":-1,"capabilities":{"vision":true}},null,[],{}]`))
	f.Add([]byte(`{"models":[{"model":"c","type":["chat"],"capabilities":["vision"],"pricing":{"prompt":"NaN","completion":"-1"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := ParseModels(body)
		if err != nil && list != nil {
			t.Errorf("a list and an error: %v", err)
		}
		for _, m := range list {
			if m.ID == "" || m.Window < 0 || m.MaxOut < 0 {
				t.Errorf("got %+v", m)
			}
			for _, price := range []float64{m.PriceIn, m.PriceOut} {
				if price < 0 || math.IsNaN(price) || math.IsInf(price, 0) {
					t.Errorf("the price of %q is %v", m.ID, price)
				}
			}
		}
	})
}
