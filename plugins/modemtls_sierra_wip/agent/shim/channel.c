/* WIP's client channels by sockets, with TLS where asked for.
 *
 * Events come from the main loop alone, never from inside a call.  WIP_CEV_READ is raised when bytes arrive and
 * none were waiting.  A write takes at most `send_window` bytes a turn; WIP_CEV_WRITE says when more are taken.
 */
#include "shim.h"
#include "errnum.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MOST 16384u
#define SOCKET_BUFFER 16384
#define CHANNELS_MOST 4

typedef enum { FAILING, CONNECTING, SHAKING, READY, OVER } state_t;

struct shim_channel {
    state_t state;
    bool used, tls, closed, blocked;
    int descriptor, problem, window;
    short wants;
    SSL *ssl;
    wip_SSLSession_t session;
    wip_eventHandler_f handler;
    void *context;
    char host[260];
    size_t from, to;
    u8 waiting[WAITING_MOST];
};
static struct shim_channel channels[CHANNELS_MOST];

static void raise_event(struct shim_channel *channel, u32 kind, s32 content) {
    /* A copy of its own: a handler that keeps the event is seen by the sanitizer. */
    wip_event_t *event = calloc(1, sizeof *event);
    event->kind = kind;
    event->channel = channel;
    if (kind == WIP_CEV_ERROR) {
        event->content.error.errnum = content;
    } else if (kind == WIP_CEV_READ) {
        event->content.read.readable = (u32)content;
    } else if (kind == WIP_CEV_WRITE) {
        event->content.write.writable = (u32)content;
    }
    channel->handler(event, channel->context);
    free(event);
}

static void fail(struct shim_channel *channel, int errnum) {
    channel->state = OVER;
    raise_event(channel, WIP_CEV_ERROR, errnum);
}

static void hang_up(struct shim_channel *channel) {
    channel->state = OVER;
    raise_event(channel, WIP_CEV_PEER_CLOSE, 0);
}

static struct shim_channel *create(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, bool tls) {
    struct sockaddr_in address;
    struct shim_channel *channel = NULL;
    int size = SOCKET_BUFFER;
    for (int at = 0; at < CHANNELS_MOST && channel == NULL; at++) {
        channel = channels[at].used ? NULL : &channels[at];
    }
    if (channel == NULL || shim_options.null_create || strlen(host) >= sizeof channel->host) {
        return NULL;
    }
    memset(channel, 0, sizeof *channel);
    channel->used = TRUE;
    channel->tls = tls;
    channel->handler = handler;
    channel->context = context;
    channel->window = shim_options.send_window;
    channel->descriptor = -1;
    (void)strcpy(channel->host, host);
    channel->problem = shim_resolve(host, port, &address);
    if (channel->problem != 0) {
        return channel; /* FAILING: told by an event */
    }
    channel->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(channel->descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    channel->state = CONNECTING;
    channel->wants = POLLOUT;
    if (connect(channel->descriptor, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        channel->problem = errno == ECONNREFUSED ? SHIM_ERRNUM_REFUSED : SHIM_ERRNUM_UNREACHABLE;
        channel->state = FAILING;
    }
    return channel;
}

wip_channel_t wip_TCPClientCreateOpts(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, ...) {
    va_list list;
    int option;
    va_start(list, context);
    option = va_arg(list, int);
    va_end(list);
    return option == WIP_COPT_END ? create(host, port, handler, context, FALSE) : NULL;
}

wip_channel_t wip_SSLClientCreateOpts(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, ...) {
    va_list list;
    struct shim_channel *channel = create(host, port, handler, context, TRUE);
    va_start(list, context);
    for (int option = va_arg(list, int); option != WIP_COPT_END; option = va_arg(list, int)) {
        wip_SSLSession_t session = va_arg(list, wip_SSLSession_t);
        if (option != WIP_COPT_SESSION || session == NULL) {
            shim_misuse("an option that a TLS client does not have");
        }
        if (channel != NULL) {
            channel->session = session;
        }
    }
    va_end(list);
    return channel;
}

bool wip_hasType(wip_channel_t channel, wip_channelType_e type) {
    return channel->tls == (type == WIP_CTYPE_SSL);
}

wip_SSLSession_t wip_SSLGetSession(wip_channel_t channel) {
    return channel->ssl == NULL ? NULL : shim_tls_session(channel->ssl);
}

int shim_tls_open_channels(void) {
    int count = 0;
    for (int at = 0; at < CHANNELS_MOST; at++) {
        count += channels[at].used && channels[at].tls && !channels[at].closed;
    }
    return count;
}

static void release(struct shim_channel *channel) {
    if (channel->ssl != NULL) {
        if (channel->state == READY) {
            (void)SSL_shutdown(channel->ssl);
        }
        SSL_free(channel->ssl);
        ERR_clear_error();
    }
    if (channel->descriptor >= 0) {
        (void)close(channel->descriptor);
    }
    channel->used = FALSE;
}

static void check(wip_channel_t channel) {
    if (channel == NULL || !channel->used || channel->closed) {
        shim_misuse("a channel that is closed, or none");
    }
}

s32 wip_close(wip_channel_t channel) {
    check(channel);
    channel->closed = TRUE; /* released by the main loop: this may be its own event */
    return 0;
}

/* After an error, and when the bearer is gone, nothing moves any more; what has come can still be read. */
void shim_channels_drop(void) {
    for (int at = 0; at < CHANNELS_MOST; at++) {
        if (channels[at].used && !channels[at].closed) {
            channels[at].state = OVER;
        }
    }
}

/* Moves bytes from the socket to what waits.  More than 0: so many; 0: none now; -1: the end; else an errnum. */
static int fill(struct shim_channel *channel) {
    int got;
    if (channel->from == channel->to) {
        channel->from = channel->to = 0;
    } else if (channel->to == WAITING_MOST) {
        memmove(channel->waiting, channel->waiting + channel->from, channel->to - channel->from);
        channel->to -= channel->from;
        channel->from = 0;
    }
    if (channel->to == WAITING_MOST) {
        return 0;
    }
    ERR_clear_error();
    errno = 0;
    if (channel->tls) {
        got = SSL_read(channel->ssl, channel->waiting + channel->to, (int)(WAITING_MOST - channel->to));
        if (got <= 0) {
            int error = SSL_get_error(channel->ssl, got);
            if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
                return 0;
            }
            if (error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
                return -SHIM_ERRNUM_HANDSHAKE;
            }
            return error == SSL_ERROR_SYSCALL && errno == ECONNRESET ? -SHIM_ERRNUM_RESET : -1;
        }
    } else {
        got = (int)recv(channel->descriptor, channel->waiting + channel->to, WAITING_MOST - channel->to, 0);
        if (got <= 0) {
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
                return 0;
            }
            return got < 0 ? -SHIM_ERRNUM_RESET : -1;
        }
    }
    channel->to += (size_t)got;
    return got;
}

s32 wip_read(wip_channel_t channel, void *data, u32 length) {
    size_t size;
    check(channel);
    if (channel->state != READY && channel->from == channel->to) {
        return WIP_CERR_CSTATE;
    }
    size = channel->to - channel->from < length ? channel->to - channel->from : length;
    memcpy(data, channel->waiting + channel->from, size);
    channel->from += size;
    return (s32)size;
}

s32 wip_write(wip_channel_t channel, void *data, u32 length) {
    int size, sent;
    check(channel);
    if (channel->state != READY) {
        return WIP_CERR_CSTATE;
    }
    size = (int)length < channel->window ? (int)length : channel->window;
    if (size == 0) {
        channel->blocked = TRUE;
        return 0;
    }
    ERR_clear_error();
    if (channel->tls) {
        sent = SSL_write(channel->ssl, data, size);
    } else {
        sent = (int)send(channel->descriptor, data, (size_t)size, MSG_NOSIGNAL);
    }
    if (sent <= 0) {
        channel->blocked = TRUE; /* the end, if it is one, is an event */
        channel->window = 0;
        return 0;
    }
    channel->window -= sent;
    return sent;
}

static void shake(struct shim_channel *channel) {
    int result;
    ERR_clear_error();
    result = SSL_do_handshake(channel->ssl);
    if (result == 1) {
        channel->state = READY;
        channel->wants = POLLIN;
        raise_event(channel, WIP_CEV_OPEN, 0);
        return;
    }
    switch (SSL_get_error(channel->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        channel->wants = POLLIN;
        break;
    case SSL_ERROR_WANT_WRITE:
        channel->wants = POLLOUT;
        break;
    case SSL_ERROR_SSL:
        if (shim_tls_refused_certificate(channel->ssl)) {
            fail(channel, SHIM_ERRNUM_CERTIFICATE);
        } else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            hang_up(channel);
        } else {
            fail(channel, SHIM_ERRNUM_HANDSHAKE);
        }
        break;
    default:
        hang_up(channel);
    }
}

static void connected(struct shim_channel *channel) {
    int error = 0;
    socklen_t size = sizeof error;
    (void)getsockopt(channel->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        fail(channel, error == ECONNREFUSED ? SHIM_ERRNUM_REFUSED : SHIM_ERRNUM_UNREACHABLE);
    } else if (!channel->tls) {
        channel->state = READY;
        channel->wants = POLLIN;
        raise_event(channel, WIP_CEV_OPEN, 0);
    } else {
        channel->ssl = shim_tls_new(channel->descriptor, channel->host, channel->session);
        if (channel->ssl == NULL) {
            fail(channel, SHIM_ERRNUM_HANDSHAKE);
        } else {
            channel->state = SHAKING;
            shake(channel);
        }
    }
}

static void move(struct shim_channel *channel) {
    bool waited = channel->from < channel->to;
    int got;
    do {
        got = fill(channel);
    } while (got > 0 && channel->to < WAITING_MOST);
    if (!waited && channel->from < channel->to) {
        raise_event(channel, WIP_CEV_READ, (s32)(channel->to - channel->from));
    }
    if (got < 0 && channel->used && !channel->closed && channel->state == READY) {
        if (got == -1) {
            hang_up(channel);
        } else {
            fail(channel, -got);
        }
    }
}

static bool has_room(const struct shim_channel *channel) { return channel->to - channel->from < WAITING_MOST; }

static short wanted(const struct shim_channel *channel) {
    if (channel->state == CONNECTING || channel->state == SHAKING) {
        return channel->wants;
    }
    if (channel->state != READY) {
        return 0;
    }
    return (short)((has_room(channel) ? POLLIN : 0) | (channel->blocked ? POLLOUT : 0));
}

static short ready(const struct shim_channel *channel) {
    struct pollfd entry = {channel->descriptor, wanted(channel), 0};
    if (channel->ssl != NULL && channel->state == READY && SSL_pending(channel->ssl) > 0 && has_room(channel)) {
        return POLLIN;
    }
    return entry.events != 0 && poll(&entry, 1, 0) > 0 ? entry.revents : (short)0;
}

/* What poll() is to wait for; 0 milliseconds when `most` is not enough. */
int shim_channels_poll(struct pollfd *entries, int most) {
    int count = 0;
    for (int at = 0; at < CHANNELS_MOST && count < most; at++) {
        if (channels[at].used && channels[at].descriptor >= 0 && wanted(&channels[at]) != 0) {
            entries[count].fd = channels[at].descriptor;
            entries[count].events = wanted(&channels[at]);
            entries[count++].revents = 0;
        }
    }
    return count;
}

void shim_channels_work(void) {
    for (int at = 0; at < CHANNELS_MOST; at++) {
        struct shim_channel *channel = &channels[at];
        short now = channel->used && !channel->closed ? ready(channel) : (short)0;
        if (channel->used && !channel->closed && channel->state == FAILING) {
            fail(channel, channel->problem);
        } else if (now != 0 && channel->state == CONNECTING) {
            connected(channel);
        } else if (now != 0 && channel->state == SHAKING) {
            shake(channel);
        } else if (now != 0 && channel->state == READY) {
            if ((now & POLLOUT) != 0 && channel->blocked) {
                channel->blocked = FALSE;
                channel->window = shim_options.send_window;
                raise_event(channel, WIP_CEV_WRITE, channel->window);
            }
            if (!channel->closed && channel->state == READY && (now & ~POLLOUT) != 0) {
                move(channel);
            }
        }
        if (channel->used && !channel->closed && channel->state == READY && !channel->blocked) {
            channel->window = shim_options.send_window;
        }
        if (channel->used && channel->closed) {
            release(channel);
        }
    }
}
