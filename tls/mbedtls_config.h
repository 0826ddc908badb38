/*
 * The complete mbedTLS 3.6 configuration of Vitrine. It replaces the library's own mbedtls_config.h
 * when scripts/mbedtls builds it, so the headers that we compile against always describe the library
 * that we link. A change here rebuilds the library.
 *
 * What is not listed is off: no DTLS, no CBC or CCM suites, no static RSA or finite-field key exchange,
 * no renegotiation, no encrypt-then-MAC (it only concerns CBC), no MD5, no SHA-1.
 */
#ifndef VITRINE_TLS_MBEDTLS_CONFIG_H
#define VITRINE_TLS_MBEDTLS_CONFIG_H

/* Platform: a hosted Linux process. No MBEDTLS_NET_C: bytes come from our own TCP. */
#define MBEDTLS_HAVE_ASM
/* Several threads, each with a context of its own, use the one key store of PSA. */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_FS_IO
#define MBEDTLS_VERSION_C
#define MBEDTLS_ERROR_C
#define MBEDTLS_DEBUG_C

/*
 * Randomness: the system's entropy through CTR_DRBG. TLS 1.3 draws through PSA, which is given ours
 * (tls/rng.c); and so are both clocks (tls/clock.c): what a recording has kept can be given again.
 */
#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_HMAC_DRBG_C
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_PLATFORM_TIME_ALT
#define MBEDTLS_PLATFORM_MS_TIME_ALT

/* Ciphers: AES-GCM and ChaCha20-Poly1305, nothing else. */
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_C

/* Hashes and key derivation. */
#define MBEDTLS_MD_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_HKDF_C

/* Public keys: ECDSA and ECDHE on three curves; RSA for signatures. */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_GENPRIME
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_PARSE_EC_COMPRESSED
#define MBEDTLS_PK_WRITE_C

/* Certificates: read and write (`vitrine ca` issues them). */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_OID_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CSR_PARSE_C
#define MBEDTLS_X509_CREATE_C
#define MBEDTLS_X509_CRT_WRITE_C
#define MBEDTLS_X509_CSR_WRITE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT

/*
 * PSA crypto: TLS 1.3 cannot do without it. MBEDTLS_USE_PSA_CRYPTO stays off: with it TLS 1.2 also
 * goes through PSA, and the GCM key schedule is rebuilt for every record.
 */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_KEY_STORE_DYNAMIC
/* PSA is a library here and no service across a boundary: nobody changes its input while it reads, so it need not copy
 * all of it first, at a malloc each. */
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS

/* TLS: both sides, 1.2 and 1.3. */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
/* The two PSK modes are what TLS 1.3 resumption is made of. */
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_TICKET_C
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_KEYING_MATERIAL_EXPORT
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
/* 0-RTT, off unless asked for; the library has no replay protection, ours is tls/replay_guard. */
#define MBEDTLS_SSL_EARLY_DATA

/* Whole records both ways (RFC 8446 5.1), so that a peer's full-sized record always fits. */
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 16384

/*
 * No padding of TLS 1.3 records (RFC 8446 5.4 leaves it to us): fewer bytes, and the length of an
 * encrypted handshake message can be told from its record.
 */
#define MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY 1

#endif
