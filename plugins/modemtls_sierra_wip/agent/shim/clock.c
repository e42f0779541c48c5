/* What is due later, in the order of its time and then of its coming. */
#include "shim.h"

#define MOST 64

typedef struct {
    bool used;
    int64_t due;
    long order;
    shim_action_t action;
    void *argument;
} entry_t;

int64_t shim_now_ms;
static entry_t entries[MOST];
static long order;

int shim_later(int64_t delay_ms, shim_action_t action, void *argument) {
    for (int at = 0; at < MOST; at++) {
        if (!entries[at].used) {
            entries[at].used = TRUE;
            entries[at].due = shim_now_ms + delay_ms;
            entries[at].order = order++;
            entries[at].action = action;
            entries[at].argument = argument;
            return at;
        }
    }
    shim_misuse("more timers and events than a module has");
    return -1;
}

void shim_cancel(int ticket) {
    if (ticket >= 0) {
        entries[ticket].used = FALSE;
    }
}

static int first(void) {
    int found = -1;
    for (int at = 0; at < MOST; at++) {
        if (entries[at].used && (found < 0 || entries[at].due < entries[found].due ||
                                 (entries[at].due == entries[found].due && entries[at].order < entries[found].order))) {
            found = at;
        }
    }
    return found;
}

/* -1 when nothing is due. */
int64_t shim_next_due(void) {
    int next = first();
    return next < 0 ? -1 : entries[next].due;
}

void shim_run_due(void) {
    for (int next = first(); next >= 0 && entries[next].due <= shim_now_ms; next = first()) {
        entries[next].used = FALSE;
        entries[next].action(entries[next].argument);
    }
}

/* ADL's timers.  A handle is freed when its timer is over, as in a module: using it after that is misuse. */
struct adl_tmr {
    bool used;
    bool cyclic;
    int ticket;
    int64_t period_ms;
    adl_tmrHandler_t handler;
};
static struct adl_tmr timers[16];

static void ring(void *argument) {
    adl_tmr_t *timer = argument;
    timer->used = timer->cyclic;
    if (timer->cyclic) {
        timer->ticket = shim_later(timer->period_ms, ring, timer);
    }
    timer->handler((u8)(timer - timers), NULL);
}

adl_tmr_t *adl_tmrSubscribe(bool cyclic, u32 ticks, u8 type, adl_tmrHandler_t handler) {
    if (type != ADL_TMR_TYPE_100MS || ticks == 0u || handler == NULL) {
        shim_misuse("a timer without time or handler");
    }
    for (size_t at = 0; at < sizeof timers / sizeof timers[0]; at++) {
        adl_tmr_t *timer = &timers[at];
        if (!timer->used) {
            timer->used = TRUE;
            timer->cyclic = cyclic;
            timer->period_ms = (int64_t)ticks * 100;
            timer->handler = handler;
            timer->ticket = shim_later(timer->period_ms, ring, timer);
            return timer;
        }
    }
    return NULL;
}

s32 adl_tmrUnSubscribe(adl_tmr_t *timer, adl_tmrHandler_t handler, u8 type) {
    if (timer == NULL || !timer->used || timer->handler != handler || type != ADL_TMR_TYPE_100MS) {
        shim_misuse("a timer that is not running was stopped");
    }
    shim_cancel(timer->ticket);
    timer->used = FALSE;
    return OK;
}
