/* UART1: the host's bytes go to the command line or, in data mode, in blocks to the application.
 *
 * A block to the host costs a credit until its last byte has left.  The change to AT mode is reported when the
 * flow's bytes have left (assumed).  `+++` with a second of silence before and after is an event that the
 * application can refuse; the characters are data in any case.
 */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

#define HANDLE 5
#define OUT_MOST (1u << 19)
#define GUARD_MS 1000

static u8 out[OUT_MOST];
static size_t out_from, out_to;
static uint64_t put_in_all, left_in_all;

static adl_fcmCtrlHdlr_f control;
static adl_fcmDataHdlr_f data_handler;
static u8 state = ADL_FCM_V24_STATE_AT;
static bool switching, to_at_pending, suspended;
static int taken_credits;
static uint64_t block_end[SHIM_CREDITS];
static int plus_count, plus_ticket = -1;
static int64_t last_byte_ms = -GUARD_MS;

long shim_data_bytes;

bool shim_in_data_mode(void) { return state == ADL_FCM_V24_STATE_DATA; }

void shim_to_host(const u8 *data, size_t length) {
    if (out_to + length > OUT_MOST) {
        memmove(out, out + out_from, out_to - out_from);
        out_to -= out_from;
        out_from = 0;
    }
    if (out_to + length > OUT_MOST) {
        return; /* nobody reads: a UART loses it */
    }
    memcpy(out + out_to, data, length);
    out_to += length;
    put_in_all += length;
}

size_t shim_peek(const u8 **data) {
    *data = out + out_from;
    return out_to - out_from;
}

static void post_event(void *argument) {
    adl_fcmEvent_e event = (adl_fcmEvent_e)(intptr_t)argument;
    if (control == NULL) {
        return;
    }
    if (event == ADL_FCM_EVENT_V24_DATA_MODE || event == ADL_FCM_EVENT_V24_AT_MODE) {
        switching = FALSE;
    }
    (void)control(event);
}

static void later(adl_fcmEvent_e event) { (void)shim_later(0, post_event, (void *)(intptr_t)event); }

static void check_empty(void) {
    if (to_at_pending && out_from == out_to) {
        to_at_pending = FALSE;
        later(ADL_FCM_EVENT_V24_AT_MODE);
    }
}

void shim_taken(size_t length) {
    out_from += length;
    left_in_all += length;
    for (int at = 0; at < SHIM_CREDITS; at++) {
        if (block_end[at] != 0 && block_end[at] <= left_in_all) {
            block_end[at] = 0;
            taken_credits--;
        }
    }
    if (suspended && 2 * taken_credits <= shim_options.credits) {
        suspended = FALSE;
        later(ADL_FCM_EVENT_RESUME);
    }
    check_empty();
}

static void guard_over(void *argument) {
    (void)argument;
    plus_ticket = -1;
    if (plus_count == 3 && control != NULL && state == ADL_FCM_V24_STATE_DATA &&
        control(ADL_FCM_EVENT_V24_AT_MODE_EXT)) {
        state = ADL_FCM_V24_STATE_AT;
    }
    plus_count = 0;
}

static void watch_escape(u8 byte) {
    bool quiet_before = shim_now_ms - last_byte_ms >= GUARD_MS;
    shim_cancel(plus_ticket);
    plus_ticket = -1;
    if (byte != '+') {
        plus_count = 0;
    } else if (plus_count > 0 || quiet_before) {
        plus_count = plus_count < 4 ? plus_count + 1 : 4;
        if (plus_count == 3) {
            plus_ticket = shim_later(GUARD_MS, guard_over, NULL);
        }
    }
    last_byte_ms = shim_now_ms;
}

/* A byte in data mode, past the faults; false: it is lost. */
static bool survives(void) {
    shim_data_bytes++;
    if (shim_data_bytes == shim_options.reset_byte) {
        shim_reset();
        return FALSE;
    }
    return shim_data_bytes != shim_options.drop_byte &&
           (shim_options.cut_byte == 0 || shim_data_bytes <= shim_options.cut_byte);
}

void shim_from_host(const u8 *data, size_t length) {
    u8 block[SHIM_BLOCK_IN];
    size_t at = 0;
    while (at < length) {
        u16 size = 0;
        if (state != ADL_FCM_V24_STATE_DATA) {
            shim_at_byte(data[at++]);
            continue;
        }
        while (at < length && size < SHIM_BLOCK_IN) {
            watch_escape(data[at]);
            if (survives()) {
                block[size++] = data[at];
            }
            at++;
        }
        if (size > 0 && data_handler != NULL) {
            /* A copy of exactly this size: the sanitizer sees who reads behind it. */
            u8 *exact = malloc(size);
            memcpy(exact, block, size);
            (void)data_handler(size, exact);
            free(exact);
        }
    }
}

s8 adl_fcmSubscribe(adl_port_e port, adl_fcmCtrlHdlr_f control_handler, adl_fcmDataHdlr_f handler) {
    if (port != ADL_PORT_UART1 || control_handler == NULL || handler == NULL) {
        return -1;
    }
    control = control_handler;
    data_handler = handler;
    later(ADL_FCM_EVENT_FLOW_OPENNED);
    return HANDLE;
}

s8 adl_fcmSwitchV24State(u8 handle, u8 to) {
    if (handle != HANDLE || switching || to_at_pending || to == state) {
        shim_misuse("a flow was switched twice, or to where it is");
    }
    state = to;
    switching = TRUE;
    plus_count = 0;
    last_byte_ms = shim_now_ms;
    if (to == ADL_FCM_V24_STATE_DATA) {
        later(ADL_FCM_EVENT_V24_DATA_MODE);
    } else {
        to_at_pending = TRUE;
        check_empty();
    }
    return OK;
}

s8 adl_fcmSendData(u8 handle, u8 *data, u16 length) {
    if (handle != HANDLE || state != ADL_FCM_V24_STATE_DATA || length == 0u || length > SHIM_BLOCK_OUT) {
        shim_misuse("bytes for a flow that does not take them, or too many");
    }
    if (suspended) {
        shim_misuse("bytes for a flow that said WAIT_RESUME");
    }
    shim_to_host(data, length);
    for (int at = 0; at < SHIM_CREDITS; at++) {
        if (block_end[at] == 0) {
            block_end[at] = put_in_all;
            break;
        }
    }
    taken_credits++;
    suspended = taken_credits == shim_options.credits;
    return suspended ? ADL_FCM_RET_OK_WAIT_RESUME : OK;
}
