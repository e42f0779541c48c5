/* The one trust configuration, and the one saved session.
 *
 * wip_SSLInitOpts sets what the whole application trusts.  It is called before each TLS connection, with what the
 * configuration names at that moment, and never while one is open.  The texts that it is given stay where they are
 * afterwards: nobody says that the library copies them.  WIP_SSL_NEVER stands in one place, behind the word NEVER.
 */
#include "mt.h"

static const ascii *const VERIFY[] = {"NONE", "ALWAYS", "ONCE", "NEVER", NULL};
static const mt_error_t NONE = {MT_NO_ERROR, "", 0};

static mt_error_t error_of(int number) {
    mt_error_t error = NONE;
    error.number = number;
    return error;
}

#ifdef __Security_PLUGIN_VERSION__

static mt_buffer_t text[MT_KINDS];
static struct {
    wip_SSLSession_t session;
    ascii host[MT_HOST_MOST + 1u];
    u16 port;
} saved;

void mt_tls_release_session(void) {
    if (saved.session != NULL) {
        wip_SSLReleaseSession(saved.session);
        saved.session = NULL;
    }
}

bool mt_tls_any_session(void) { return saved.session != NULL; }

bool mt_tls_has_session(const ascii *host, u16 port) {
    return saved.session != NULL && saved.port == port && mt_same(saved.host, host);
}

void mt_tls_save_session(wip_channel_t channel, const ascii *host, u16 port) {
    if (!wip_hasType(channel, WIP_CTYPE_SSL)) {
        return;
    }
    mt_tls_release_session();
    if (mt_copy(saved.host, sizeof saved.host, host)) {
        saved.port = port;
        saved.session = wip_SSLGetSession(channel);
    }
}

mt_error_t mt_tls_apply(void) {
    mt_tls_t tls = mt_store_tls();
    const ascii *given[MT_KINDS] = {NULL, NULL, NULL};
    int verify = WIP_SSL_ALWAYS;
    s32 result;
    if (tls.verify == MT_VERIFY_NONE || (tls.verify != MT_VERIFY_NEVER && tls.id[MT_CA] == 0u)) {
        return error_of(MT_NO_CA);
    }
    for (u8 kind = 0; kind < MT_KINDS; kind++) {
        if (tls.id[kind] != 0u) {
            given[kind] = mt_store_read(kind, tls.id[kind], &text[kind]);
            if (given[kind] == NULL) {
                return error_of(MT_NO_OBJECT);
            }
        }
    }
    if (tls.verify == MT_VERIFY_ONCE) {
        verify = WIP_SSL_ONCE;
    } else if (tls.verify == MT_VERIFY_NEVER) {
        verify = WIP_SSL_NEVER;
    }
    if (given[MT_CA] != NULL && given[MT_CERT] != NULL) {
        result = wip_SSLInitOpts(WIP_COPT_CERT_AUTHORITY, given[MT_CA], WIP_COPT_CERT, given[MT_CERT], WIP_COPT_KEY,
                                 given[MT_KEY], WIP_COPT_VERIFY, verify, WIP_COPT_END);
    } else if (given[MT_CA] != NULL) {
        result = wip_SSLInitOpts(WIP_COPT_CERT_AUTHORITY, given[MT_CA], WIP_COPT_VERIFY, verify, WIP_COPT_END);
    } else if (given[MT_CERT] != NULL) {
        result = wip_SSLInitOpts(WIP_COPT_CERT, given[MT_CERT], WIP_COPT_KEY, given[MT_KEY], WIP_COPT_VERIFY, verify,
                                 WIP_COPT_END);
    } else {
        result = wip_SSLInitOpts(WIP_COPT_VERIFY, verify, WIP_COPT_END);
    }
    if (result != 0) {
        mt_error_t error = {MT_TLS_REFUSED, mt_channel_name(result), result};
        return error;
    }
    return NONE;
}

wip_channel_t mt_tls_create(const ascii *host, u16 port, wip_eventHandler_f handler, bool offer) {
    if (offer) {
        return wip_SSLClientCreateOpts(host, port, handler, NULL, WIP_COPT_SESSION, saved.session, WIP_COPT_END);
    }
    return wip_SSLClientCreateOpts(host, port, handler, NULL, WIP_COPT_END);
}

#else

void mt_tls_release_session(void) {}
bool mt_tls_any_session(void) { return FALSE; }

bool mt_tls_has_session(const ascii *host, u16 port) {
    (void)host;
    (void)port;
    return FALSE;
}

void mt_tls_save_session(wip_channel_t channel, const ascii *host, u16 port) {
    (void)channel;
    (void)host;
    (void)port;
}

mt_error_t mt_tls_apply(void) { return error_of(MT_NO_PLUGIN); }

wip_channel_t mt_tls_create(const ascii *host, u16 port, wip_eventHandler_f handler, bool offer) {
    (void)host;
    (void)port;
    (void)handler;
    (void)offer;
    return NULL;
}

#endif

bool mt_tls_names(u8 kind, u8 id) {
    mt_tls_t tls = mt_store_tls();
    return tls.verify != MT_VERIFY_NONE && tls.id[kind] == id;
}

/* Why a configuration cannot be stored. */
static int judge(const mt_tls_t *tls) {
    if (tls->verify != MT_VERIFY_NEVER && tls->id[MT_CA] == 0u) {
        return MT_NO_CA;
    }
    if (tls->id[MT_CERT] != 0u && tls->id[MT_KEY] == 0u) {
        return MT_CERTIFICATE_ALONE;
    }
    for (u8 kind = 0; kind < MT_KINDS; kind++) {
        if (tls->id[kind] != 0u && !mt_store_look(kind, tls->id[kind]).whole) {
            return MT_NO_OBJECT;
        }
    }
    return MT_NO_ERROR;
}

void mt_tls_set(u8 count, const ascii *const *parameters) {
    mt_tls_t tls = {MT_VERIFY_NONE, {0, 0, 0}};
    mt_error_t error = NONE;
    if (!mt_word(parameters[0], VERIFY, &tls.verify) || (tls.verify == MT_VERIFY_NONE && count > 1u)) {
        mt_fail(MT_BAD_PARAMETER);
        return;
    }
    for (u8 kind = 0; kind < MT_KINDS && kind + 1u < count; kind++) {
        u32 id = 0;
        if (!mt_is_empty(parameters[kind + 1u]) && !mt_number(parameters[kind + 1u], 1, MT_ID_MOST, &id)) {
            mt_fail(MT_BAD_PARAMETER);
            return;
        }
        tls.id[kind] = (u8)id;
    }
    if (tls.id[MT_KEY] != 0u && tls.id[MT_CERT] == 0u) {
        mt_fail(MT_BAD_PARAMETER);
        return;
    }
    if (tls.verify != MT_VERIFY_NONE) {
        error = error_of(judge(&tls));
    }
    if (error.number == MT_NO_ERROR) {
        mt_tls_release_session();
        error = mt_store_set_tls(tls);
    }
    if (error.number != MT_NO_ERROR) {
        mt_fail_with(error);
    } else {
        mt_ok();
    }
}

void mt_tls_show(void) {
    mt_tls_t tls = mt_store_tls();
    mt_text_t line;
    mt_text_begin(&line, "+MTTLS: ");
    mt_text_add(&line, VERIFY[tls.verify <= MT_VERIFY_NEVER ? tls.verify : MT_VERIFY_NONE]);
    for (u8 kind = 0; kind < MT_KINDS; kind++) {
        mt_text_add(&line, ",");
        if (tls.id[kind] != 0u) {
            mt_text_add_number(&line, tls.id[kind]);
        }
    }
    mt_line_ok(&line);
}
