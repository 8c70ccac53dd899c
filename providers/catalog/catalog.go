// Package catalog is what is known of models before they are asked: their window, what they can see, whether they
// think, what they cost. It is a leaf: it knows no provider's code.
package catalog

// Model is one model of one provider. What is not known is zero.
type Model struct {
	ID        string   `json:"id"`   // as the provider's API takes it
	Name      string   `json:"name"` // for people; empty: ID
	Window    int      `json:"window,omitempty"`
	MaxOut    int      `json:"max_out,omitempty"`
	Sees      bool     `json:"sees,omitempty"`    // takes images
	Blind     bool     `json:"blind,omitempty"`   // is known to take none; neither: it is not known
	Thinks    bool     `json:"thinks,omitempty"`  // has a thinking effort to set
	Efforts   []string `json:"efforts,omitempty"` // the efforts it takes; empty with Thinks: low, medium, high
	NoTools   bool     `json:"no_tools,omitempty"`
	PriceIn   float64  `json:"price_in,omitempty"`  // US dollars for a million tokens
	PriceOut  float64  `json:"price_out,omitempty"` // the same
	Preferred bool     `json:"preferred,omitempty"` // the one to begin with
}
