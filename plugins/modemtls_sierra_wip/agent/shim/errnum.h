/* What `errnum` of WIP_CEV_ERROR is in this build: only 1, "Bad certificate", is published; the rest is arbitrary. */
#ifndef SHIM_ERRNUM_H
#define SHIM_ERRNUM_H

enum {
    SHIM_ERRNUM_CERTIFICATE = 1,
    SHIM_ERRNUM_REFUSED = 9101,     /* nobody listens there */
    SHIM_ERRNUM_UNREACHABLE = 9103, /* no way there, or not allowed */
    SHIM_ERRNUM_NAME = 9105,        /* the name does not resolve */
    SHIM_ERRNUM_TIMEOUT = 9107,
    SHIM_ERRNUM_RESET = 9109,
    SHIM_ERRNUM_HANDSHAKE = 9111 /* TLS failed, and not by a certificate that this side refused */
};

#endif
