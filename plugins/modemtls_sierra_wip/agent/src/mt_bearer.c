/* The GPRS bearer: opened, set and started by one command, stopped and closed by another.
 *
 * A bearer that could not be closed in the handler of its own event stays open; the next start begins there.
 */
#include "mt.h"

#define ADDRESS_MOST 15u
#define STOP_TICKS 200u

typedef enum { CLOSED, STARTING, UP, STOPPING } state_t;

static struct {
    state_t state;
    bool open;
    wip_bearer_t handle;
    adl_tmr_t *timer;
    ascii address[ADDRESS_MOST + 1u];
} bearer;

bool mt_bearer_is_up(void) { return bearer.state == UP; }

static void close_it(void) {
    bearer.state = CLOSED;
    bearer.address[0] = '\0';
    if (bearer.open && wip_bearerClose(bearer.handle) == 0) {
        bearer.open = FALSE;
    }
}

static void say_up(void) {
    mt_text_t urc;
    mt_text_begin(&urc, "+MTNET: 2,");
    mt_text_add_quoted(&urc, bearer.address);
    mt_urc(&urc);
}

static void say_down(void) {
    mt_text_t urc;
    mt_error_t error = {MT_NO_ERROR, "", 0};
    s32 reason = 0;
    if (wip_bearerGetOpts(bearer.handle, WIP_BOPT_ERROR, &reason, WIP_BOPT_END) == 0) {
        error.name = mt_bearer_name(reason);
        error.raw = reason;
    }
    mt_text_begin(&urc, "+MTNET: 0,");
    mt_text_add_quoted(&urc, error.name);
    mt_text_add(&urc, ",");
    mt_text_add_signed(&urc, error.raw);
    mt_link_lost();
    mt_note(error);
    mt_urc(&urc);
}

static void on_slow_stop(u8 id, void *context);

static void stopped(void) {
    if (bearer.timer != NULL) {
        (void)adl_tmrUnSubscribe(bearer.timer, on_slow_stop, ADL_TMR_TYPE_100MS);
        bearer.timer = NULL;
    }
    close_it();
    mt_ok();
}

static void on_slow_stop(u8 id, void *context) {
    (void)id;
    (void)context;
    bearer.timer = NULL;
    if (bearer.state == STOPPING) {
        stopped();
    }
}

static void read_address(void) {
    wip_in_addr_t address = 0;
    bearer.address[0] = '\0';
    if (wip_bearerGetOpts(bearer.handle, WIP_BOPT_IP_ADDR, &address, WIP_BOPT_END) != 0 ||
        !wip_inet_ntoa(address, bearer.address, sizeof bearer.address)) {
        bearer.address[0] = '\0';
    }
}

static void on_event(wip_bearer_t handle, s8 event, void *context) {
    (void)context;
    if (!bearer.open || handle != bearer.handle) {
        return;
    }
    if (event == WIP_BEV_IP_CONNECTED && bearer.state == STARTING) {
        bearer.state = UP;
        read_address();
        say_up();
    } else if ((event == WIP_BEV_CONN_FAILED || event == WIP_BEV_IP_DISCONNECTED || event == WIP_BEV_STOPPED) &&
               (bearer.state == STARTING || bearer.state == UP)) {
        say_down();
        bearer.state = CLOSED; /* stopping may raise an event of its own */
        (void)wip_bearerStop(handle);
        close_it();
    } else if (event == WIP_BEV_STOPPED && bearer.state == STOPPING) {
        stopped();
    }
}

static bool refused(int number, s32 result) {
    mt_error_t error = {number, "", result};
    if (result == 0) {
        return FALSE;
    }
    error.name = mt_bearer_name(result);
    close_it();
    mt_fail_with(error);
    return TRUE;
}

void mt_bearer_start(const ascii *apn, const ascii *user, const ascii *password) {
    s32 result;
    if (bearer.state == UP) {
        mt_ok();
        say_up();
        return;
    }
    if (bearer.state != CLOSED) {
        mt_fail(MT_BUSY);
        return;
    }
    if (!bearer.open) {
        result = wip_bearerOpen(&bearer.handle, "GPRS", on_event, NULL);
        if (refused(MT_BEARER_NOT_OPENED, result)) {
            return;
        }
        bearer.open = TRUE;
    }
    result = wip_bearerSetOpts(bearer.handle, WIP_BOPT_GPRS_APN, apn, WIP_BOPT_LOGIN, user, WIP_BOPT_PASSWORD,
                               password, WIP_BOPT_END);
    if (refused(MT_BEARER_NOT_OPENED, result)) {
        return;
    }
    bearer.state = STARTING;
    result = wip_bearerStart(bearer.handle);
    if (refused(MT_BEARER_NOT_STARTED, result == WIP_BERR_OK_INPROGRESS ? 0 : result)) {
        return;
    }
    mt_ok();
}

void mt_bearer_stop(void) {
    if (bearer.state == CLOSED) {
        mt_ok();
        return;
    }
    mt_link_close();
    bearer.state = STOPPING;
    if (wip_bearerStop(bearer.handle) == WIP_BERR_OK_INPROGRESS && bearer.state == STOPPING) {
        bearer.timer = adl_tmrSubscribe(FALSE, STOP_TICKS, ADL_TMR_TYPE_100MS, on_slow_stop);
    } else if (bearer.state == STOPPING) {
        stopped();
    }
}

void mt_bearer_show(void) {
    static const ascii *const STATES[] = {"0", "1", "2", "1"};
    mt_text_t line;
    mt_text_begin(&line, "+MTNET: ");
    mt_text_add(&line, STATES[bearer.state]);
    mt_text_add(&line, ",");
    mt_text_add_quoted(&line, bearer.state == UP ? bearer.address : "");
    mt_line_ok(&line);
}
