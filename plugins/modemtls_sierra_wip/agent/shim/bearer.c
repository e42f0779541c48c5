/* The GPRS bearer: up when SIM, registration and APN are right, unless an option says how it fails. */
#include "shim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS 0xc000024eu /* 192.0.2.78 */

typedef enum { CLOSED, STOPPED, STARTING, STARTED, STOPPING } state_t;

static struct shim_bearer {
    state_t state;
    wip_bearerHandler_f handler;
    void *context;
    s32 error;
    char apn[100], user[70], password[70];
    int ticket, lost_ticket;
} bearer = {.ticket = -1, .lost_ticket = -1};

static bool network;

s8 wip_netInit(void) {
    network = TRUE;
    return OK;
}

bool shim_bearer_is_up(void) { return bearer.state == STARTED; }

static s32 named(const char *name) { return name[0] == '\0' ? 0 : shim_bearer_reason(name); }

s32 wip_bearerOpen(wip_bearer_t *handle, const ascii *device, wip_bearerHandler_f handler, void *context) {
    if (named(shim_options.bearer_open_fail) != 0) {
        return named(shim_options.bearer_open_fail);
    }
    if (!network || strcmp(device, "GPRS") != 0) {
        return WIP_BERR_NO_DEV;
    }
    if (bearer.state != CLOSED) {
        return WIP_BERR_ALREADY;
    }
    bearer.state = STOPPED;
    bearer.handler = handler;
    bearer.context = context;
    *handle = &bearer;
    return 0;
}

s32 wip_bearerClose(wip_bearer_t handle) {
    if (handle != &bearer || bearer.state == CLOSED) {
        return WIP_BERR_BAD_HDL;
    }
    if (bearer.state != STOPPED) {
        return WIP_BERR_BAD_STATE;
    }
    bearer.state = CLOSED;
    return 0;
}

static s32 take(char *to, size_t size, const char *text) {
    if (strlen(text) >= size) {
        return WIP_BERR_PARAM;
    }
    (void)strcpy(to, text);
    return 0;
}

s32 wip_bearerSetOpts(wip_bearer_t handle, ...) {
    va_list list;
    s32 result = handle == &bearer && bearer.state != CLOSED ? 0 : WIP_BERR_BAD_HDL;
    va_start(list, handle);
    while (result == 0) {
        int option = va_arg(list, int);
        if (option == WIP_BOPT_END) {
            break;
        }
        switch (option) {
        case WIP_BOPT_GPRS_APN:
            result = take(bearer.apn, 97, va_arg(list, const char *));
            break;
        case WIP_BOPT_LOGIN:
            result = take(bearer.user, 65, va_arg(list, const char *));
            break;
        case WIP_BOPT_PASSWORD:
            result = take(bearer.password, 65, va_arg(list, const char *));
            break;
        default:
            result = WIP_BERR_OPTION;
        }
    }
    va_end(list);
    return result;
}

s32 wip_bearerGetOpts(wip_bearer_t handle, ...) {
    va_list list;
    s32 result = handle == &bearer && bearer.state != CLOSED ? 0 : WIP_BERR_BAD_HDL;
    va_start(list, handle);
    while (result == 0) {
        int option = va_arg(list, int);
        if (option == WIP_BOPT_END) {
            break;
        }
        switch (option) {
        case WIP_BOPT_ERROR:
            *va_arg(list, s32 *) = bearer.error;
            break;
        case WIP_BOPT_IP_ADDR:
            *va_arg(list, wip_in_addr_t *) = bearer.state == STARTED ? ADDRESS : 0u;
            break;
        default:
            result = WIP_BERR_OPTION;
        }
    }
    va_end(list);
    return result;
}

bool wip_inet_ntoa(wip_in_addr_t address, ascii *text, u16 length) {
    int wanted = snprintf(text, length, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255u, (address >> 8) & 255u,
                          address & 255u);
    return wanted > 0 && wanted < (int)length;
}

static s32 problem(void) {
    if (shim_options.bearer_fail[0] != '\0') {
        return named(shim_options.bearer_fail);
    }
    if (shim_sim_problem() != NULL) {
        return named(shim_sim_problem());
    }
    if (!shim_registered() || (shim_options.apn[0] != '\0' && strcmp(shim_options.apn, bearer.apn) != 0)) {
        return WIP_BERR_GPRS_FAILED;
    }
    return 0;
}

static void lost(void *argument) {
    (void)argument;
    bearer.lost_ticket = -1;
    if (bearer.state == STARTED) {
        bearer.state = STOPPED;
        bearer.error = named(shim_options.bearer_lost);
        shim_channels_drop();
        bearer.handler(&bearer, WIP_BEV_IP_DISCONNECTED, bearer.context);
    }
}

static void started(void *argument) {
    (void)argument;
    bearer.ticket = -1;
    bearer.error = problem();
    if (bearer.error != 0) {
        bearer.state = STOPPED;
        bearer.handler(&bearer, WIP_BEV_CONN_FAILED, bearer.context);
        return;
    }
    bearer.state = STARTED;
    bearer.handler(&bearer, WIP_BEV_IP_CONNECTED, bearer.context);
    if (shim_options.bearer_lost[0] != '\0') {
        bearer.lost_ticket = shim_later(shim_options.bearer_lost_ms, lost, NULL);
    }
}

s32 wip_bearerStart(wip_bearer_t handle) {
    if (handle != &bearer || bearer.state == CLOSED) {
        return WIP_BERR_BAD_HDL;
    }
    if (bearer.state != STOPPED) {
        return WIP_BERR_BAD_STATE;
    }
    if (named(shim_options.bearer_start_fail) != 0) {
        return named(shim_options.bearer_start_fail);
    }
    bearer.state = STARTING;
    bearer.ticket = shim_later(shim_options.bearer_delay_ms, started, NULL);
    return WIP_BERR_OK_INPROGRESS;
}

static void stopped(void *argument) {
    (void)argument;
    bearer.ticket = -1;
    bearer.state = STOPPED;
    bearer.handler(&bearer, WIP_BEV_STOPPED, bearer.context);
}

s32 wip_bearerStop(wip_bearer_t handle) {
    if (handle != &bearer || bearer.state == CLOSED) {
        return WIP_BERR_BAD_HDL;
    }
    if (bearer.state != STARTING && bearer.state != STARTED) {
        return WIP_BERR_BAD_STATE;
    }
    shim_cancel(bearer.ticket);
    shim_cancel(bearer.lost_ticket);
    bearer.lost_ticket = -1;
    shim_channels_drop();
    bearer.state = STOPPING;
    bearer.ticket = shim_later(0, stopped, NULL);
    return WIP_BERR_OK_INPROGRESS;
}
