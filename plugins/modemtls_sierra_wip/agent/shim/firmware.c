/* What the firmware answers itself: the commands that a host uses around the agent's.
 *
 * The clock has no time zone, shows 98/01/01,00:00:00 at power-up and goes on over a restart.  The years 98 and 99
 * are of the last century.
 */
#include "shim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POWER_UP 883612800 /* 1998-01-01 00:00:00 UTC */
#define BAD_VALUE 3
#define NO_SIM 10
#define WANTS_PIN 11
#define WRONG_PIN 16
#define VERSION_MISMATCH 541
#define RESTART_MS 100

shim_firmware_t shim_firmware;

void shim_firmware_begin(void) {
    int64_t offset = shim_firmware.clock_offset_s;
    int wind = shim_firmware.wind;
    int wopen = shim_firmware.wopen;
    memset(&shim_firmware, 0, sizeof shim_firmware);
    shim_firmware.echo = TRUE;
    shim_firmware.clock_offset_s = offset == 0 ? POWER_UP - shim_now_ms / 1000 : offset;
    shim_firmware.wind = wind;
    shim_firmware.wopen = wopen;
    shim_firmware.pin_given = strcmp(shim_options.sim, "ready") == 0;
}

time_t shim_clock(void) { return (time_t)(shim_firmware.clock_offset_s + shim_now_ms / 1000); }

/* The bearer's name for what is wrong with the SIM, or NULL. */
const char *shim_sim_problem(void) {
    if (strcmp(shim_options.sim, "absent") == 0) {
        return "WIP_BERR_NO_SIM";
    }
    return shim_firmware.pin_given ? NULL : "WIP_BERR_PIN_NOT_READY";
}

static int registration(void) {
    if (shim_sim_problem() != NULL || strcmp(shim_options.registration, "never") == 0) {
        return shim_sim_problem() == NULL ? 2 : 0;
    }
    if (strcmp(shim_options.registration, "denied") == 0) {
        return 3;
    }
    return strcmp(shim_options.registration, "roaming") == 0 ? 5 : 1;
}

bool shim_registered(void) { return registration() == 1 || registration() == 5; }

static void add(shim_reply_t *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(shim_reply_t *reply, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (reply->count < SHIM_REPLY_LINES) {
        (void)vsnprintf(reply->line[reply->count++], sizeof reply->line[0], format, list);
    }
    va_end(list);
}

static void restart(void *argument) {
    (void)argument;
    shim_reset();
}

static bool is_number(const char *text, int most, int *value) {
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 6 || text[length] != '\0' || atoi(text) > most) {
        return FALSE;
    }
    *value = atoi(text);
    return TRUE;
}

static int days_in(int year, int month) {
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return DAYS[month - 1] + (month == 2 && year % 4 == 0);
}

static void set_clock(const char *text, shim_reply_t *reply) {
    int at[6];
    int used = 0;
    struct tm time = {0};
    if (strlen(text) != 19 || strspn(text, "0123456789/,:\"") != 19 ||
        sscanf(text, "\"%2d/%2d/%2d,%2d:%2d:%2d\"%n", &at[0], &at[1], &at[2], &at[3], &at[4], &at[5], &used) != 6 ||
        used != 19) {
        reply->error = BAD_VALUE;
        return;
    }
    at[0] += at[0] >= 98 ? 1900 : 2000;
    if (at[1] < 1 || at[1] > 12 || at[2] < 1 || at[2] > days_in(at[0], at[1]) || at[3] > 23 || at[4] > 59 ||
        at[5] > 59) {
        reply->error = BAD_VALUE;
        return;
    }
    time.tm_year = at[0] - 1900;
    time.tm_mon = at[1] - 1;
    time.tm_mday = at[2];
    time.tm_hour = at[3];
    time.tm_min = at[4];
    time.tm_sec = at[5];
    shim_firmware.clock_offset_s = (int64_t)timegm(&time) - shim_now_ms / 1000;
}

static void show_clock(shim_reply_t *reply) {
    char text[40];
    time_t now = shim_clock();
    struct tm time;
    (void)gmtime_r(&now, &time);
    (void)strftime(text, sizeof text, "%y/%m/%d,%H:%M:%S", &time);
    add(reply, "+CCLK: \"%s\"", text);
}

static void open_at(const char *value, shim_reply_t *reply) {
    int mode = 0;
    if (!is_number(value, 8, &mode)) {
        reply->error = -1;
        return;
    }
    switch (mode) {
    case 0:
        if (shim_firmware.wopen == 1) {
            shim_firmware.wopen = 0;
            shim_flash_save();
            (void)shim_later(RESTART_MS, restart, NULL);
        }
        break;
    case 1:
        if (shim_firmware.wopen < 0) {
            reply->error = VERSION_MISMATCH;
            return;
        }
        shim_firmware.wopen = 1;
        shim_flash_save();
        (void)shim_later(RESTART_MS, restart, NULL);
        break;
    case 2:
        add(reply, "+WOPEN: 2,\"AT v03.01\",\"AT v02.10\"");
        break;
    case 3:
        if (shim_firmware.wopen == 1) {
            reply->error = -1;
        } else {
            shim_flash_erase_all();
        }
        break;
    case 7:
        add(reply, "+WOPEN: 7,%d", shim_firmware.wopen == 1 ? 12 : shim_firmware.wopen < 0);
        break;
    default:
        reply->error = -1;
    }
}

static void pin(const char *value, shim_reply_t *reply) {
    if (strcmp(shim_options.sim, "absent") == 0) {
        reply->error = NO_SIM;
    } else if (shim_firmware.pin_given) {
        reply->error = BAD_VALUE;
    } else {
        char quoted[24];
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", shim_options.pin);
        shim_firmware.pin_given = strcmp(value, shim_options.pin) == 0 || strcmp(value, quoted) == 0;
        reply->error = shim_firmware.pin_given ? 0 : WRONG_PIN;
    }
}

static void show_packages(shim_reply_t *reply) {
    static const char *const PACKAGES[] = {"Developer Studio", "Open AT OS Package", "Firmware Package",
                                           "WIP Plug-in Package"};
    add(reply, "\"DWL\",\"V10c05\",\"\",\"Sierra Wireless\",62640,\"051513 10:45\",\"a0836b50\",\"00010000\"");
    add(reply,
        "\"FW\",\"FW_SRC_744_12_F6_2.Q2687RDG\",\"%s\",\"Sierra Wireless\",2146176,\"092611 08:25\",\"d3e08d21\","
        "\"00020000\"",
        shim_options.firmware);
    if (shim_firmware.wopen >= 0) {
        add(reply, "\"OAT\",\"\",\"\",\"\",456544,\"101612 09:56\",\"60abb1af\",\"00260000\"");
        for (size_t at = 0; at < sizeof PACKAGES / sizeof PACKAGES[0]; at++) {
            add(reply, " -\"%s\",\"\"", PACKAGES[at]);
        }
#ifdef __Security_PLUGIN_VERSION__
        add(reply, " -\"Security Plug-in Package\",\"\"");
#endif
    }
}

static bool set(const char *command, const char *value, shim_reply_t *reply) {
    int number = 0;
    if (strcmp(command, "AT+CMEE") == 0) {
        reply->error = is_number(value, 1, &number) ? 0 : -1;
        shim_firmware.cmee = reply->error == 0 ? number : shim_firmware.cmee;
    } else if (strcmp(command, "AT+CCLK") == 0) {
        set_clock(value, reply);
    } else if (strcmp(command, "AT+CPIN") == 0) {
        pin(value, reply);
    } else if (strcmp(command, "AT+CREG") == 0) {
        reply->error = is_number(value, 2, &shim_firmware.creg) ? 0 : -1;
    } else if (strcmp(command, "AT+CFUN") == 0) {
        reply->error = strcmp(value, "1") == 0 || strcmp(value, "1,1") == 0 ? 0 : -1;
        if (reply->error == 0) {
            (void)shim_later(RESTART_MS, restart, NULL);
        }
    } else if (strcmp(command, "AT+WIND") == 0) {
        reply->error = is_number(value, 32767, &shim_firmware.wind) ? 0 : BAD_VALUE;
        shim_flash_save();
    } else if (strcmp(command, "AT+WOPEN") == 0) {
        open_at(value, reply);
    } else {
        return FALSE;
    }
    return TRUE;
}

static bool show(const char *command, shim_reply_t *reply) {
    if (strcmp(command, "AT+CMEE") == 0) {
        add(reply, "+CMEE: %d", shim_firmware.cmee);
    } else if (strcmp(command, "AT+CCLK") == 0) {
        show_clock(reply);
    } else if (strcmp(command, "AT+CPIN") == 0) {
        if (strcmp(shim_options.sim, "absent") == 0) {
            reply->error = NO_SIM;
        } else {
            add(reply, shim_firmware.pin_given ? "+CPIN: READY" : "+CPIN: SIM PIN");
        }
    } else if (strcmp(command, "AT+CREG") == 0) {
        add(reply, "+CREG: %d,%d", shim_firmware.creg, registration());
    } else if (strcmp(command, "AT+CGREG") == 0) {
        add(reply, "+CGREG: 0,%d", registration());
    } else if (strcmp(command, "AT+CGATT") == 0) {
        add(reply, "+CGATT: %d", shim_registered() ? 1 : 0);
    } else if (strcmp(command, "AT+CFUN") == 0) {
        add(reply, "+CFUN: 1");
    } else if (strcmp(command, "AT+WIND") == 0) {
        add(reply, "+WIND: %d", shim_firmware.wind);
    } else if (strcmp(command, "AT+WOPEN") == 0) {
        add(reply, "+WOPEN: %d", shim_firmware.wopen == 1);
    } else if (strcmp(command, "AT+WDWL") == 0) {
        add(reply, "+WDWL: V10c05");
    } else {
        return FALSE;
    }
    return TRUE;
}

static bool act(const char *command, shim_reply_t *reply) {
    if (strcmp(command, "AT") == 0 || strcmp(command, "ATV1") == 0 || strcmp(command, "ATQ0") == 0) {
        return TRUE;
    }
    if (strcmp(command, "ATE") == 0 || strcmp(command, "ATE0") == 0 || strcmp(command, "ATE1") == 0) {
        shim_firmware.echo = command[3] == '1';
    } else if (strcmp(command, "ATZ") == 0 || strcmp(command, "AT&F") == 0) {
        shim_firmware.echo = TRUE;
        shim_firmware.cmee = 0;
    } else if (strcmp(command, "AT+CGMI") == 0 || strcmp(command, "AT+GMI") == 0) {
        add(reply, " WAVECOM MODEM");
    } else if (strcmp(command, "AT+CGMM") == 0 || strcmp(command, "AT+GMM") == 0) {
        add(reply, " MULTIBAND  900E  1800");
    } else if (strcmp(command, "AT+CGMR") == 0 || strcmp(command, "AT+GMR") == 0 || strcmp(command, "ATI3") == 0) {
        add(reply, "%s 2146176 092611 08:25", shim_options.firmware);
    } else if (strcmp(command, "ATI") == 0 || strcmp(command, "ATI0") == 0) {
        add(reply, " WAVECOM MODEM");
        add(reply, " MULTIBAND  900E  1800");
    } else if (strcmp(command, "ATI9") == 0) {
        show_packages(reply);
    } else if (strcmp(command, "AT+CGSN") == 0 || strcmp(command, "AT+GSN") == 0) {
        add(reply, "%s", shim_options.imei);
    } else if (strcmp(command, "AT+CSQ") == 0) {
        add(reply, "+CSQ: 20,0");
    } else {
        return FALSE;
    }
    return TRUE;
}

/* `command` is without quotes taken out, but without spaces; its name is in capitals. */
void shim_firmware_command(const char *command, shim_reply_t *reply) {
    char name[SHIM_LINE_MOST + 2u];
    size_t length = strcspn(command, "=?");
    bool known;
    (void)snprintf(name, sizeof name, "%.*s", (int)length, command);
    memset(reply, 0, sizeof *reply);
    if (command[length] == '=') {
        known = set(name, command + length + 1, reply);
    } else if (command[length] == '?') {
        known = command[length + 1] == '\0' && show(name, reply);
    } else {
        known = act(name, reply);
    }
    if (!known) {
        reply->error = -1;
    }
}
