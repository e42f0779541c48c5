/* Counted bytes from and to the host: the port as a stream, for as long as a count lasts.
 *
 *   AT --switch--> TO_DATA --event--> TAKE (CONNECT, then bytes in) --count or 10 s--> TO_AT --event--> AT, done()
 *                                     GIVE (a line and bytes out)   --all given------>
 *
 * CONNECT and the line in front of outgoing bytes are bytes of the stream themselves, so their place in it is sure.
 * The host cannot leave the mode: `+++` is refused, its characters are data.
 */
#include "mt.h"

#define BLOCK_MOST 2000u
#define SILENCE_TICKS 100u

typedef enum { CLOSED, AT, TO_DATA, TAKE, GIVE, TO_AT } state_t;

static struct {
    state_t state;
    u8 handle;
    void (*opened)(void);
    mt_flow_done_t done;
    int error;
    adl_tmr_t *timer;
    bool taking;
    u8 *into;
    u32 wanted;
    u32 have;
    mt_text_t head;
    u32 head_sent;
    const u8 *data;
    u32 length;
    u32 sent;
} flow;

static void on_silence(u8 id, void *context);

static void stop_timer(void) {
    if (flow.timer != NULL) {
        (void)adl_tmrUnSubscribe(flow.timer, on_silence, ADL_TMR_TYPE_100MS);
        flow.timer = NULL;
    }
}

static void start_timer(void) {
    stop_timer();
    flow.timer = adl_tmrSubscribe(FALSE, SILENCE_TICKS, ADL_TMR_TYPE_100MS, on_silence);
}

static void finish(void) {
    mt_flow_done_t done = flow.done;
    flow.state = AT;
    flow.done = NULL;
    if (done != NULL) {
        done(flow.error);
    }
}

static void leave(int error) {
    stop_timer();
    flow.error = error;
    flow.state = TO_AT;
    if (adl_fcmSwitchV24State(flow.handle, ADL_FCM_V24_STATE_AT) != OK) {
        flow.error = MT_INTERNAL;
        finish();
    }
}

static void on_silence(u8 id, void *context) {
    (void)id;
    (void)context;
    flow.timer = NULL;
    if (flow.state == TAKE) {
        leave(MT_DATA_MISSING);
    }
}

/* Gives bytes while there are credits.  False: no more of them now, or the flow refused. */
static bool give(const u8 *data, u32 length, u32 *sent) {
    while (*sent < length) {
        u32 size = length - *sent < BLOCK_MOST ? length - *sent : BLOCK_MOST;
        /* ADL does not say const; it does not write either. */
        s8 result = adl_fcmSendData(flow.handle, (u8 *)(uintptr_t)(data + *sent), (u16)size);
        if (result != OK && result != ADL_FCM_RET_OK_WAIT_RESUME) {
            leave(MT_INTERNAL);
            return FALSE;
        }
        *sent += size;
        if (result == ADL_FCM_RET_OK_WAIT_RESUME) {
            return FALSE;
        }
    }
    return TRUE;
}

static void give_all(void) {
    if (give((const u8 *)flow.head.data, flow.head.length, &flow.head_sent) &&
        give(flow.data, flow.length, &flow.sent)) {
        leave(MT_NO_ERROR);
    }
}

static void in_data_mode(void) {
    if (flow.state != TO_DATA) {
        return;
    }
    if (flow.taking) {
        flow.state = TAKE;
        start_timer();
        (void)give((const u8 *)flow.head.data, flow.head.length, &flow.head_sent);
    } else {
        flow.state = GIVE;
        give_all();
    }
}

static bool on_event(adl_fcmEvent_e event) {
    switch (event) {
    case ADL_FCM_EVENT_FLOW_OPENNED:
        if (flow.state == CLOSED) {
            flow.state = AT;
            flow.opened();
        }
        break;
    case ADL_FCM_EVENT_V24_DATA_MODE:
        in_data_mode();
        break;
    case ADL_FCM_EVENT_V24_AT_MODE:
        if (flow.state == TO_AT) {
            finish();
        }
        break;
    case ADL_FCM_EVENT_RESUME:
        if (flow.state == GIVE) {
            give_all();
        }
        break;
    case ADL_FCM_EVENT_V24_AT_MODE_EXT: /* `+++` from the host */
    case ADL_FCM_EVENT_V24_DATA_MODE_EXT:
        return FALSE;
    default:
        break;
    }
    return TRUE;
}

static bool on_data(u16 length, u8 *data) {
    if (flow.state == TAKE) {
        u32 room = flow.wanted - flow.have;
        u32 size = length < room ? length : room;
        for (u32 at = 0; at < size; at++) {
            flow.into[flow.have + at] = data[at];
        }
        flow.have += size;
        if (flow.have == flow.wanted) {
            leave(MT_NO_ERROR);
        } else {
            start_timer();
        }
    }
    return TRUE; /* the block can be used again: one credit back */
}

/* `opened` is called when the flow can be used. */
bool mt_flow_begin(void (*opened)(void)) {
    s8 handle;
    flow.state = CLOSED;
    flow.opened = opened;
    handle = adl_fcmSubscribe(MT_PORT, on_event, on_data);
    flow.handle = handle < 0 ? (u8)0 : (u8)handle;
    return handle >= 0;
}

static void begin(bool taking, mt_flow_done_t done) {
    flow.done = done;
    flow.taking = taking;
    flow.error = MT_NO_ERROR;
    flow.head_sent = 0;
    if (flow.state != AT) {
        flow.done = NULL;
        done(MT_INTERNAL);
        return;
    }
    flow.state = TO_DATA;
    if (adl_fcmSwitchV24State(flow.handle, ADL_FCM_V24_STATE_DATA) != OK) {
        flow.error = MT_INTERNAL;
        finish();
    }
}

/* Takes exactly `length` bytes after CONNECT; `done` gets 0, or why not. */
void mt_flow_take(u8 *into, u32 length, mt_flow_done_t done) {
    flow.into = into;
    flow.wanted = length;
    flow.have = 0;
    mt_text_begin(&flow.head, "\r\nCONNECT\r\n");
    begin(TRUE, done);
}

/* Gives a line and `length` bytes right behind it. */
void mt_flow_give(const mt_text_t *head, const u8 *data, u32 length, mt_flow_done_t done) {
    flow.data = data;
    flow.length = length;
    flow.sent = 0;
    mt_text_begin(&flow.head, "\r\n");
    mt_text_add(&flow.head, head->data);
    mt_text_add(&flow.head, "\r\n");
    begin(FALSE, done);
}
