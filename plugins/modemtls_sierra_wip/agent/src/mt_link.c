/* The one connection, TLS or TCP.
 *
 * WIP_CEV_READ comes once, and again only after everything has been read; so +MTDATA follows it as it is.  A write
 * may take less than it was given; the rest goes on with WIP_CEV_WRITE.  A connection that the other side has
 * ended (state ENDED) keeps its channel until AT+MTCLOSE, because data may wait in it.
 */
#include "mt.h"

#define STALL_TICKS 600u

typedef enum { CLOSED, OPENING, OPEN, ENDED } state_t;

static struct {
    state_t state;
    bool tls;
    bool offered;
    wip_channel_t channel;
    ascii host[MT_HOST_MOST + 1u];
    u16 port;
    u32 readable;
    mt_error_t end; /* what ended it */
} link;

static struct {
    bool active;
    u32 length;
    u32 crc;
    u32 done;
    adl_tmr_t *timer;
    u8 bytes[MT_SEND_MOST];
} sending;

static struct {
    u32 length;
    u32 crc;
    bool ended;
    u16 number;
    u8 bytes[MT_RECEIVE_MOST];
} block;

static void say_event(const ascii *start, mt_error_t what) {
    mt_text_t urc;
    mt_text_begin(&urc, start);
    mt_text_add_quoted(&urc, what.name);
    mt_text_add(&urc, ",");
    mt_text_add_signed(&urc, what.raw);
    mt_note(what);
    mt_urc(&urc);
}

static void forget_block(void) {
    block.length = 0;
    block.crc = 0;
    block.ended = FALSE;
}

static void forget_connection(void) {
    link.readable = 0;
    block.number = 0;
    forget_block();
}

void mt_link_close(void) {
    wip_channel_t channel = link.channel;
    link.state = CLOSED;
    link.channel = NULL;
    forget_connection();
    if (channel != NULL) {
        (void)wip_close(channel);
    }
}

static void on_stall(u8 id, void *context);

static void stop_timer(void) {
    if (sending.timer != NULL) {
        (void)adl_tmrUnSubscribe(sending.timer, on_stall, ADL_TMR_TYPE_100MS);
        sending.timer = NULL;
    }
}

static void sending_failed(mt_error_t why) {
    stop_timer();
    sending.active = FALSE;
    why.number = MT_ENDED;
    mt_fail_with(why);
}

static void on_stall(u8 id, void *context) {
    mt_error_t nothing = {MT_NO_ERROR, "", 0};
    (void)id;
    (void)context;
    sending.timer = NULL;
    if (sending.active) {
        link.state = ENDED;
        link.end = nothing;
        sending_failed(nothing);
    }
}

static void send_on(void) {
    u32 before = sending.done;
    while (sending.done < sending.length) {
        s32 taken = wip_write(link.channel, sending.bytes + sending.done, sending.length - sending.done);
        if (taken < 0) {
            mt_error_t error = {MT_NO_ERROR, mt_channel_name(taken), taken};
            sending_failed(error);
            return;
        }
        if (taken == 0) {
            break;
        }
        sending.done += (u32)taken;
    }
    if (sending.done >= sending.length) {
        stop_timer();
        sending.active = FALSE;
        mt_ok();
    } else if (sending.timer == NULL || sending.done > before) {
        stop_timer();
        sending.timer = adl_tmrSubscribe(FALSE, STALL_TICKS, ADL_TMR_TYPE_100MS, on_stall);
    }
}

/* The connection has ended, or was never made. */
static void ended(mt_error_t what) {
    state_t before = link.state;
    link.end = what;
    if (before == OPENING) {
        if (link.offered) {
            mt_tls_release_session(); /* perhaps it is the reason */
        }
        mt_link_close();
        say_event("+MTOPEN: 0,", what);
    } else if (before == OPEN) {
        link.state = ENDED;
        say_event("+MTCLOSED: ", what);
        if (sending.active) {
            sending_failed(what);
        }
    }
}

/* The bearer is gone, and the connection with it. */
void mt_link_lost(void) {
    mt_error_t what = {MT_NO_ERROR, mt_event_name(WIP_CEV_ERROR), 0};
    ended(what);
}

static void on_event(wip_event_t *event, void *context) {
    mt_error_t what = {MT_NO_ERROR, mt_event_name(event->kind), 0};
    (void)context;
    if (link.state == OPENING && link.channel == NULL) {
        link.channel = event->channel; /* the creator has not returned yet */
    }
    if (link.state == CLOSED || event->channel != link.channel) {
        return;
    }
    switch (event->kind) {
    case WIP_CEV_OPEN:
        if (link.state == OPENING) {
            mt_text_t urc;
            link.state = OPEN;
            if (link.tls) {
                mt_tls_save_session(link.channel, link.host, link.port);
            }
            mt_text_begin(&urc, "+MTOPEN: 1");
            mt_urc(&urc);
        }
        break;
    case WIP_CEV_READ:
        link.readable = event->content.read.readable;
        if (link.state == OPEN) {
            mt_text_t urc;
            mt_text_begin(&urc, "+MTDATA");
            mt_urc(&urc);
        }
        break;
    case WIP_CEV_WRITE:
        if (sending.active && link.state == OPEN) {
            send_on();
        }
        break;
    case WIP_CEV_ERROR:
        what.raw = event->content.error.errnum;
        ended(what);
        break;
    case WIP_CEV_PEER_CLOSE:
        ended(what);
        break;
    default:
        break;
    }
}

static bool can_open(bool tls) {
    mt_error_t error = {MT_NO_ERROR, "", 0};
    if (link.state == OPENING) {
        error.number = MT_BUSY;
    } else if (link.state != CLOSED) {
        error.number = MT_CONNECTED;
    } else if (!mt_bearer_is_up()) {
        error.number = MT_BEARER_DOWN;
    } else if (tls) {
        error = mt_tls_apply();
    }
    if (error.number != MT_NO_ERROR) {
        mt_fail_with(error);
        return FALSE;
    }
    return TRUE;
}

void mt_link_open(bool tls, const ascii *host, u16 port, bool resume) {
    wip_channel_t channel;
    if (!can_open(tls)) {
        return;
    }
    (void)mt_copy(link.host, sizeof link.host, host);
    link.port = port;
    link.tls = tls;
    link.offered = tls && resume && mt_tls_has_session(host, port);
    forget_connection();
    link.state = OPENING;
    link.channel = NULL;
    if (tls) {
        channel = mt_tls_create(link.host, port, on_event, link.offered);
    } else {
        channel = wip_TCPClientCreateOpts(link.host, port, on_event, NULL, WIP_COPT_END);
    }
    if (channel == NULL) {
        link.state = CLOSED;
        mt_fail(MT_NO_CHANNEL);
        return;
    }
    if (link.state == OPENING) {
        link.channel = channel;
    }
    mt_ok();
}

void mt_link_show(void) {
    static const ascii *const STATES[] = {"0,", "1,", "2,", "3,"};
    mt_text_t line;
    mt_text_begin(&line, "+MTOPEN: ");
    mt_text_add(&line, STATES[link.state]);
    if (link.state != CLOSED) {
        mt_text_add(&line, link.tls ? "TLS" : "TCP");
    }
    mt_text_add(&line, link.state != CLOSED && link.offered ? ",1," : ",0,");
    mt_text_add_number(&line, link.readable);
    mt_line_ok(&line);
}

static void all_taken(int error) {
    if (error != MT_NO_ERROR) {
        mt_fail(error);
    } else if (mt_crc(0, sending.bytes, sending.length) != sending.crc) {
        mt_fail(MT_BAD_CRC);
    } else if (link.state != OPEN) {
        sending_failed(link.end);
    } else {
        sending.active = TRUE;
        sending.done = 0;
        send_on();
    }
}

void mt_link_send(u32 length, u32 crc) {
    if (link.state != OPEN) {
        mt_fail(MT_NOT_CONNECTED);
        return;
    }
    sending.length = length;
    sending.crc = crc;
    mt_flow_take(sending.bytes, length, all_taken);
}

static void all_given(int error) {
    if (error != MT_NO_ERROR) {
        mt_fail(error);
    } else {
        mt_ok();
    }
}

static void read_block(u32 most) {
    s32 got = 0;
    forget_block();
    while (block.length < most) {
        got = wip_read(link.channel, block.bytes + block.length, most - block.length);
        if (got <= 0) {
            break;
        }
        block.length += (u32)got;
    }
    block.crc = mt_crc(0, block.bytes, block.length);
    if (block.length > 0u) {
        block.number = block.number == 65535u ? (u16)1 : (u16)(block.number + 1u);
    }
    block.ended = block.length < most && link.state == ENDED;
    link.readable = block.length < most || link.readable < block.length ? 0 : link.readable - block.length;
}

/* `most` is 0 for the same block once more. */
void mt_link_receive(u32 most) {
    mt_text_t line;
    if (link.state != OPEN && link.state != ENDED) {
        mt_fail(MT_NOT_CONNECTED);
        return;
    }
    if (most > 0u) {
        read_block(most);
    }
    mt_text_begin(&line, "+MTRECV: ");
    mt_text_add_number(&line, block.length);
    mt_text_add(&line, ",");
    mt_text_add_crc(&line, block.crc);
    mt_text_add(&line, block.ended ? ",1," : ",0,");
    mt_text_add_number(&line, block.number);
    mt_flow_give(&line, block.bytes, block.length, all_given);
}
