/* The Security plug-in by OpenSSL.  What it does is assumed, each point by an option of its own (options.c).
 *
 * Like the plug-in, wip_SSLInitOpts says 0 whatever the texts are; a wrong one shows when a connection is made.
 * The texts are not copied: the application has to keep them.
 */
#include "shim.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <string.h>

static struct {
    const char *ca, *certificate, *key;
    int verify;
    bool set;
} init;

struct shim_session {
    SSL_SESSION *session;
};

s32 wip_SSLInitOpts(int option, ...) {
    va_list list;
    if (shim_tls_open_channels() > 0) {
        shim_misuse("wip_SSLInitOpts while a TLS connection is open");
    }
    memset(&init, 0, sizeof init);
    init.verify = WIP_SSL_ALWAYS;
    va_start(list, option);
    for (; option != WIP_COPT_END; option = va_arg(list, int)) {
        switch (option) {
        case WIP_COPT_CERT_AUTHORITY:
            init.ca = va_arg(list, const char *);
            break;
        case WIP_COPT_CERT:
            init.certificate = va_arg(list, const char *);
            break;
        case WIP_COPT_KEY:
            init.key = va_arg(list, const char *);
            break;
        case WIP_COPT_VERIFY:
            init.verify = va_arg(list, int);
            break;
        default:
            va_end(list);
            return WIP_CERR_INVALID;
        }
    }
    va_end(list);
    init.set = TRUE;
    return shim_options.init_fail;
}

/* NULL at the end of the text and at what is no certificate, which `*damaged` tells apart. */
static X509 *next_certificate(BIO *bio, bool *damaged) {
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    *damaged = certificate == NULL && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    return certificate;
}

/* The certificates of the configuration's CA, each with a reference for the caller; none if one is damaged. */
static STACK_OF(X509) *trusted(void) {
    STACK_OF(X509) *found = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(init.ca == NULL ? "" : init.ca, -1);
    bool damaged = FALSE;
    X509 *certificate;
    while ((certificate = next_certificate(bio, &damaged)) != NULL) {
        (void)sk_X509_push(found, certificate);
        if (!shim_options.several_cas) {
            break;
        }
    }
    while (damaged && sk_X509_num(found) > 0) {
        X509_free(sk_X509_pop(found));
    }
    BIO_free(bio);
    return found;
}

static int is_date_error(int error) {
    return error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED;
}

static int on_problem(int fine, X509_STORE_CTX *store) {
    if (!fine && !shim_options.trusted_dates && is_date_error(X509_STORE_CTX_get_error(store))) {
        STACK_OF(X509) *anchors = trusted();
        X509 *current = X509_STORE_CTX_get_current_cert(store);
        for (int at = 0; at < sk_X509_num(anchors); at++) {
            if (X509_cmp(current, sk_X509_value(anchors, at)) == 0) {
                X509_STORE_CTX_set_error(store, X509_V_OK);
                fine = 1;
            }
        }
        sk_X509_pop_free(anchors, X509_free);
    }
    return fine;
}

static bool uses_sha2(STACK_OF(X509) *chain) {
    for (int at = 0; at < sk_X509_num(chain); at++) {
        int digest = NID_undef;
        (void)OBJ_find_sigid_algs(X509_get_signature_nid(sk_X509_value(chain, at)), &digest, NULL);
        if (digest != NID_sha1 && digest != NID_md5) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Judges what the server has sent: the whole verification of the plug-in. */
static int judge(X509_STORE_CTX *store, void *argument) {
    const char *host = argument;
    int fine;
    if (init.verify == WIP_SSL_NEVER) {
        return 1;
    }
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(store), shim_clock());
    X509_STORE_CTX_set_verify_cb(store, on_problem);
    if (!shim_options.intermediates) {
        X509_STORE_CTX_set0_untrusted(store, NULL);
    }
    fine = X509_verify_cert(store) == 1;
    if (fine && !shim_options.sha256 && uses_sha2(X509_STORE_CTX_get0_chain(store))) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CA_MD_TOO_WEAK);
        fine = 0;
    }
    if (fine && shim_options.host_name && X509_check_host(X509_STORE_CTX_get0_cert(store), host, 0, 0, NULL) != 1 &&
        X509_check_ip_asc(X509_STORE_CTX_get0_cert(store), host, 0) != 1) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
        fine = 0;
    }
    return fine;
}

static int most_version(void) {
    if (strcmp(shim_options.most_tls, "1.0") == 0) {
        return TLS1_VERSION;
    }
    if (strcmp(shim_options.most_tls, "1.1") == 0) {
        return TLS1_1_VERSION;
    }
    return strcmp(shim_options.most_tls, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

static bool use_own_certificate(SSL_CTX *context) {
    BIO *bio = BIO_new_mem_buf(init.certificate, -1);
    BIO *key_bio = BIO_new_mem_buf(init.key, -1);
    bool damaged = FALSE;
    X509 *certificate = next_certificate(bio, &damaged);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, (void *)(uintptr_t) "");
    bool used = certificate != NULL && key != NULL && SSL_CTX_use_certificate(context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    while (used && (certificate = next_certificate(bio, &damaged)) != NULL) {
        (void)SSL_CTX_add0_chain_cert(context, certificate);
    }
    BIO_free(bio);
    BIO_free(key_bio);
    ERR_clear_error();
    return used;
}

static SSL_CTX *new_context(const char *host) {
    SSL_CTX *context;
    STACK_OF(X509) *anchors = trusted();
    /* What the computer's own configuration forbids is of no interest: this plays a module. */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    (void)SSL_CTX_set_cipher_list(context, "ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0");
    (void)SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    (void)SSL_CTX_set_max_proto_version(context, most_version());
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, init.verify == WIP_SSL_NEVER ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context, judge, (void *)(uintptr_t)host);
    for (int at = 0; at < sk_X509_num(anchors); at++) {
        (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(context), sk_X509_value(anchors, at));
    }
    sk_X509_pop_free(anchors, X509_free);
    if (init.certificate != NULL && !use_own_certificate(context)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

/* NULL when the certificate or key of this side cannot be used.  `host` has to stay. */
SHIM_SSL *shim_tls_new(int descriptor, const char *host, wip_SSLSession_t session) {
    SSL_CTX *context = new_context(host);
    SSL *ssl;
    if (context == NULL) {
        return NULL;
    }
    ssl = SSL_new(context);
    SSL_CTX_free(context);
    (void)SSL_set_fd(ssl, descriptor);
    if (shim_options.sni) {
        (void)SSL_set_tlsext_host_name(ssl, host);
    }
    if (session != NULL) {
        (void)SSL_set_session(ssl, session->session);
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

bool shim_tls_refused_certificate(SHIM_SSL *ssl) {
    unsigned long error = ERR_peek_error();
    return SSL_get_verify_result(ssl) != X509_V_OK && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

wip_SSLSession_t shim_tls_session(SHIM_SSL *ssl) {
    SSL_SESSION *session = SSL_get1_session(ssl);
    wip_SSLSession_t saved;
    if (session == NULL) {
        return NULL;
    }
    saved = OPENSSL_zalloc(sizeof *saved);
    saved->session = session;
    return saved;
}

void wip_SSLReleaseSession(wip_SSLSession_t session) {
    SSL_SESSION_free(session->session);
    OPENSSL_free(session);
}
