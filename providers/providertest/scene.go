package providertest

import (
	"testing"

	"chatgateway/providers"
)

// Scene is how a service behaves at the next request.
type Scene string

// The scenes. What is said in them is the same at every service, so that the suite can compare it.
const (
	SceneText     Scene = "text"     // SaidText in several pieces, and SaidUsage
	SceneThinking Scene = "thinking" // SaidThought, which must go back with Signature, then SaidText
	SceneCall     Scene = "call"     // a call of the tool "weather" with {"city":"Paris"}
	SceneLength   Scene = "length"   // "Hello", and the limit of output is reached
	SceneRefused  Scene = "refused"  // the model or a filter declines
	SceneFailed   Scene = "failed"   // "Hello", then a failure inside the stream: overloaded

	SceneDribble Scene = "dribble" // SceneText, every byte on its own
	SceneHold    Scene = "hold"    // the beginning of SceneText, then nothing until the client leaves
	SceneSilent  Scene = "silent"  // nothing at all until the client leaves
	SceneCut     Scene = "cut"     // the beginning of SceneText, then a clean end without the last words
	SceneReset   Scene = "reset"   // the beginning of SceneText, then the connection breaks

	SceneUnauthorized Scene = "unauthorized"
	SceneForbidden    Scene = "forbidden"
	SceneRateLimited  Scene = "ratelimited" // with RetryAfter
	SceneBilling      Scene = "billing"
	SceneOverloaded   Scene = "overloaded"
	SceneTooLong      Scene = "toolong"
	SceneNoModel      Scene = "nomodel"
	SceneBadRequest   Scene = "badrequest"

	SceneRedirect Scene = "redirect" // to another host
	ScenePage     Scene = "page"     // status 200 and an HTML page, as a captive portal answers
	SceneGarbage  Scene = "garbage"  // a stream of what is no JSON
	SceneDown     Scene = "down"     // nobody listens

	SceneModels Scene = "models" // the list of models, with the harness's Model on it
)

// What services say in the scenes.
const (
	SaidText    = "Hello, wörld! 1 < 2 & \"three\"."
	SaidThought = "The person greets me."
	Signature   = "c2lnbmF0dXJlLWZvci10ZXN0cw==" // in what goes back verbatim
	Canary      = "CANARY-of-the-body"           // in every failure's body; in no error
)

// SaidUsage is what SceneText costs. A service that does not tell of its cache leaves Cached out.
var SaidUsage = providers.Usage{In: 25, Out: 9, Cached: 16}

// Service is the far side of a provider, as the suite directs it.
type Service interface {
	// Play sets what the service does at every request from now on; false: it cannot play that, and the promise is not
	// checked.
	Play(t testing.TB, s Scene) bool
	// Gone is closed when the last request that was held is over at the service's side.
	Gone() <-chan struct{}
	// Sent gives the requests since Play.
	Sent() []Sent
}

// Sent is a request as the service got it.
type Sent struct {
	URL    string
	Header string
	Body   string
}
