package wire

import (
	"errors"

	"chatgateway/providerauth"
	"chatgateway/providers"
)

// Finding is what a failed call says of a credential: a 401 or 403 means that it is bad, no credit that it is good,
// and any other failure nothing, so that the credential is kept.
func Finding(err error) (providerauth.Finding, error) {
	switch {
	case errors.Is(err, providers.ErrBilling):
		return providerauth.Finding{Works: true, Sure: true, Note: "The key is good, but there is no credit left on its account."}, nil
	case errors.Is(err, providers.ErrUnauthorized):
		return providerauth.Finding{Sure: true, Note: "It is wrong, or it was revoked."}, nil
	case errors.Is(err, providers.ErrForbidden), errors.Is(err, providers.ErrRestricted):
		return providerauth.Finding{Sure: true, Note: "The service does not allow this with it."}, nil
	case errors.Is(err, providers.ErrRateLimited):
		return providerauth.Finding{Note: "The service is busy, so it could not be checked."}, nil
	case errors.Is(err, providers.ErrUnreachable), errors.Is(err, providers.ErrTimeout):
		return providerauth.Finding{Note: "The service cannot be reached at the moment, so it could not be checked."}, nil
	}
	return providerauth.Finding{Note: "It could not be checked: the service did not answer as it should."}, nil
}
