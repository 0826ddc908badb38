/* A certificate for vitrine.test and its key: made for this alone, and secret to nobody. */
#ifndef VITRINE_FUZZ_TLS_IDENTITY_H
#define VITRINE_FUZZ_TLS_IDENTITY_H

static const char tls_identity_chain[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBnjCCAUSgAwIBAgIUDXMehn2nN1KCNb6JXs0fvCyi150wCgYIKoZIzj0EAwIw\n"
    "FzEVMBMGA1UEAwwMdml0cmluZS50ZXN0MCAXDTI2MTEyNTEwMzgxNFoYDzIxMjYx\n"
    "MTAxMTAzODE0WjAXMRUwEwYDVQQDDAx2aXRyaW5lLnRlc3QwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAASHNmBuMrFfz4iljaHIVDZwylKQbCOnU/54kDz1fNb++ztK\n"
    "YNKPij9A82tJbc1frA/m071dGXA2h4mWSZNjniu6o2wwajAdBgNVHQ4EFgQUN2h5\n"
    "tqZ8tK5KKOLCjXJmbPFHqcwwHwYDVR0jBBgwFoAUN2h5tqZ8tK5KKOLCjXJmbPFH\n"
    "qcwwDwYDVR0TAQH/BAUwAwEB/zAXBgNVHREEEDAOggx2aXRyaW5lLnRlc3QwCgYI\n"
    "KoZIzj0EAwIDSAAwRQIhAM+luisoATCxJPOqQnc3CAPB6WiSrrADFKIB4ZvEUeBa\n"
    "AiB4wN9BD0BJ4BJBaDNvwnrENIlh0B3xVJRHOD+3zUKxXQ==\n"
    "-----END CERTIFICATE-----\n";

static const char tls_identity_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXE5wlftHkxeO+aNj\n"
    "wZQYjuy6/fMvBPBBuahaUh50ObmhRANCAASHNmBuMrFfz4iljaHIVDZwylKQbCOn\n"
    "U/54kDz1fNb++ztKYNKPij9A82tJbc1frA/m071dGXA2h4mWSZNjniu6\n"
    "-----END PRIVATE KEY-----\n";

#endif
