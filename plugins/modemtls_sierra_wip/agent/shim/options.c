/* Options of the program: what the module is, what is assumed of it, and which faults it has. */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

shim_options_t shim_options = {
    .firmware = "R7.44.6.201109260825.Q2686RD",
    .imei = "490154203237518",
    .pin = "1234",
    .sim = "ready",
    .registration = "home",
    .wopen = 1,
    .time_scale = 1,
    .boot_delay_ms = 50,
    .map = "",
    .apn = "",
    .bearer_open_fail = "",
    .bearer_start_fail = "",
    .bearer_fail = "",
    .bearer_lost = "",
    .bearer_delay_ms = 20,
    .send_window = 1460,
    .credits = SHIM_CREDITS,
    .most_tls = "1.0",
    .sha256 = TRUE,
    .intermediates = TRUE,
    .several_cas = TRUE,
    .flash_size = 240000,
};

typedef enum { TEXT, INT, LONG, YES_NO } kind_t;

typedef struct {
    const char *name;
    kind_t kind;
    void *value;
    const char *help;
} option_t;

#define O(field) (void *)&shim_options.field
static const option_t OPTIONS[] = {
    {"firmware", TEXT, O(firmware), "first word of AT+CGMR"},
    {"imei", TEXT, O(imei), "answer to AT+CGSN"},
    {"sim", TEXT, O(sim), "ready, pin or absent"},
    {"pin", TEXT, O(pin), "the SIM's PIN"},
    {"registration", TEXT, O(registration), "home, roaming, denied or never"},
    {"wopen", INT, O(wopen), "application at the first start: 1 runs, 0 is stopped, -1 is none"},
    {"boot-delay", INT, O(boot_delay_ms), "silence after a restart, ms"},
    {"time-scale", LONG, O(time_scale), "how many times quicker timers run than time does"},
    {"baudrate", INT, O(baudrate), "pace of the line in both directions; 0 is unpaced"},
    {"map", TEXT, O(map), "host:port=address:port, several with commas; * is any"},
    {"apn", TEXT, O(apn), "the only APN that works"},
    {"bearer-delay", INT, O(bearer_delay_ms), "time until the bearer's outcome, ms"},
    {"bearer-open-fail", TEXT, O(bearer_open_fail), "name of the error of wip_bearerOpen"},
    {"bearer-start-fail", TEXT, O(bearer_start_fail), "name of the error of wip_bearerStart"},
    {"bearer-fail", TEXT, O(bearer_fail), "name of the reason for which the bearer fails later"},
    {"bearer-lost", TEXT, O(bearer_lost), "name of the reason for which a bearer that is up is lost"},
    {"bearer-lost-after", INT, O(bearer_lost_ms), "when, ms"},
    {"send-window", INT, O(send_window), "most bytes that a channel takes at a time"},
    {"null-create", YES_NO, O(null_create), "the library gives no channels"},
    {"max-tls", TEXT, O(most_tls), "assumed: newest TLS, 1.0 to 1.3"},
    {"hostname", YES_NO, O(host_name), "assumed no: host names are compared"},
    {"sni", YES_NO, O(sni), "assumed no: the server's name is sent"},
    {"sha256", YES_NO, O(sha256), "assumed yes: SHA-2 signatures are taken"},
    {"intermediates", YES_NO, O(intermediates), "assumed yes: certificates that the server sends are used"},
    {"trusted-dates", YES_NO, O(trusted_dates), "assumed no: dates of a trusted certificate count"},
    {"several-cas", YES_NO, O(several_cas), "assumed yes: more than the first certificate of a CA object counts"},
    {"init-fail", INT, O(init_fail), "what wip_SSLInitOpts returns"},
    {"credits", INT, O(credits), "blocks to the host that can be under way, 1 to 6"},
    {"drop-byte", LONG, O(drop_byte), "the n-th byte of data mode is lost"},
    {"cut-byte", LONG, O(cut_byte), "all bytes of data mode after the n-th are lost"},
    {"reset-byte", LONG, O(reset_byte), "the module restarts at the n-th byte of data mode"},
    {"flash-size", LONG, O(flash_size), "bytes for objects"},
    {"flash-tear", LONG, O(flash_tear), "the n-th write keeps half, and the module restarts"},
    {"flash-fail", LONG, O(flash_fail), "the n-th write keeps nothing and fails"},
    {"flash-rot", LONG, O(flash_rot), "the n-th write keeps a wrong bit, and says nothing"},
};

#define R(name) {#name, name}
static const struct {
    const char *name;
    s32 value;
} REASONS[] = {
    R(WIP_BERR_NO_DEV),          R(WIP_BERR_ALREADY),         R(WIP_BERR_NO_IF),          R(WIP_BERR_NO_HDL),
    R(WIP_BERR_BAD_HDL),         R(WIP_BERR_BAD_STATE),       R(WIP_BERR_DEV),            R(WIP_BERR_OPTION),
    R(WIP_BERR_PARAM),           R(WIP_BERR_LINE_BUSY),       R(WIP_BERR_NO_ANSWER),      R(WIP_BERR_NO_CARRIER),
    R(WIP_BERR_NO_SIM),          R(WIP_BERR_PIN_NOT_READY),   R(WIP_BERR_GPRS_FAILED),    R(WIP_BERR_PPP_LCP_FAILED),
    R(WIP_BERR_PPP_AUTH_FAILED), R(WIP_BERR_PPP_IPCP_FAILED), R(WIP_BERR_PPP_LINK_FAILED), R(WIP_BERR_PPP_TERM_REQ),
    R(WIP_BERR_CALL_REFUSED),
};

static void usage(const char *problem) {
    FILE *to = problem == NULL ? stdout : stderr;
    if (problem != NULL) {
        (void)fprintf(to, "mtagent-host: %s\n", problem);
    }
    (void)fprintf(to, "usage: mtagent-host [--flash=FILE] [--OPTION=VALUE ...]\n"
                      "  Prints the path of its pseudo-terminal, and is a module until its input ends.\n");
    for (size_t at = 0; at < sizeof OPTIONS / sizeof OPTIONS[0]; at++) {
        (void)fprintf(to, "  --%-18s %s\n", OPTIONS[at].name, OPTIONS[at].help);
    }
    exit(problem == NULL ? 0 : 2);
}

s32 shim_bearer_reason(const char *name) {
    for (size_t at = 0; at < sizeof REASONS / sizeof REASONS[0]; at++) {
        if (strcmp(REASONS[at].name, name) == 0) {
            return REASONS[at].value;
        }
    }
    usage("there is no error of a bearer with this name");
    return 0;
}

static bool read_one(const option_t *option, const char *text) {
    char *end = NULL;
    long number = strtol(text, &end, 10);
    switch (option->kind) {
    case TEXT:
        *(const char **)option->value = text;
        return TRUE;
    case INT:
        *(int *)option->value = (int)number;
        return *text != '\0' && *end == '\0';
    case LONG:
        *(long *)option->value = number;
        return *text != '\0' && *end == '\0';
    default:
        *(bool *)option->value = strcmp(text, "yes") == 0;
        return strcmp(text, "yes") == 0 || strcmp(text, "no") == 0;
    }
}

/* `--flash=FILE` is main.c's own. */
void shim_read_options(int count, char **arguments) {
    for (int at = 1; at < count; at++) {
        const char *argument = arguments[at];
        bool found = strncmp(argument, "--flash=", 8) == 0;
        if (strcmp(argument, "--help") == 0) {
            usage(NULL);
        }
        for (size_t index = 0; !found && index < sizeof OPTIONS / sizeof OPTIONS[0]; index++) {
            size_t length = strlen(OPTIONS[index].name);
            if (strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, OPTIONS[index].name, length) == 0 &&
                argument[2 + length] == '=') {
                found = read_one(&OPTIONS[index], argument + 3 + length);
            }
        }
        if (!found) {
            usage(argument);
        }
    }
    if (shim_options.time_scale < 1 || shim_options.send_window < 1 || shim_options.credits < 1 ||
        shim_options.credits > SHIM_CREDITS) {
        usage("--time-scale, --send-window and --credits are at least 1, --credits is at most 6");
    }
}
