/* Fuzz target over the command lines, the data mode and the library's events.
 *
 * An input is a list of steps: text from the host, commands with numbers drawn from the input, data, time, events
 * of bearer and channel, bytes that leave.  The library is played by a channel in memory.  After each input
 * everything is brought to rest, and a command must be answered in full: else the agent is stuck, and that is a
 * crash.  The agent's memory goes on from input to input, like a module's.
 *
 * Without MT_LIBFUZZER it has a driver of its own:  mtagent-fuzz COUNT [SEED]
 */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The library, in memory. */
struct shim_channel {
    wip_eventHandler_f handler;
    bool open, ssl;
    u32 readable, room;
};
struct shim_session {
    int unused;
};
static struct shim_channel channel;
static struct shim_session session;
static int sessions;
static bool no_channel;

void shim_misuse(const char *what) {
    (void)fprintf(stderr, "misuse of the module by the agent: %s\n", what);
    abort();
}

void shim_reset(void) {}

void shim_channels_drop(void) {}

static wip_channel_t create(wip_eventHandler_f handler, bool ssl) {
    if (channel.open) {
        shim_misuse("a second channel");
    }
    if (no_channel) {
        return NULL;
    }
    channel.handler = handler;
    channel.open = TRUE;
    channel.ssl = ssl;
    channel.readable = channel.room = 0;
    return &channel;
}

wip_channel_t wip_TCPClientCreateOpts(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, ...) {
    (void)context;
    return host[0] != '\0' && port != 0 ? create(handler, FALSE) : NULL;
}

wip_channel_t wip_SSLClientCreateOpts(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, ...) {
    (void)context;
    return host[0] != '\0' && port != 0 ? create(handler, TRUE) : NULL;
}

s32 wip_SSLInitOpts(int option, ...) {
    if (channel.open && channel.ssl) {
        shim_misuse("wip_SSLInitOpts while a TLS connection is open");
    }
    return option == WIP_COPT_END ? WIP_CERR_INVALID : 0;
}

wip_SSLSession_t wip_SSLGetSession(wip_channel_t of) {
    if (of != &channel || ++sessions > 1) {
        shim_misuse("a second session, and the first was not released");
    }
    return &session;
}

void wip_SSLReleaseSession(wip_SSLSession_t of) {
    if (of != &session || --sessions < 0) {
        shim_misuse("a session was released that nobody has");
    }
}

bool wip_hasType(wip_channel_t of, wip_channelType_e type) { return of->ssl == (type == WIP_CTYPE_SSL); }

s32 wip_close(wip_channel_t of) {
    if (of != &channel || !channel.open) {
        shim_misuse("a channel that is closed, or none");
    }
    channel.open = FALSE;
    return 0;
}

s32 wip_read(wip_channel_t of, void *data, u32 length) {
    u32 size = of->readable < length ? of->readable : length;
    memset(data, 'd', size);
    of->readable -= size;
    return (s32)size;
}

s32 wip_write(wip_channel_t of, void *data, u32 length) {
    u32 size = of->room < length ? of->room : length;
    static volatile u8 sum;
    for (u32 at = 0; at < size; at++) {
        sum = (u8)(sum + ((const u8 *)data)[at]);
    }
    of->room -= size;
    return (s32)size;
}

/* The input, byte by byte; zeros behind its end. */
typedef struct {
    const uint8_t *data;
    size_t size;
} input_t;

static u8 next(input_t *input) {
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

/* Small ones, those at the protocol's limits, and any. */
static u32 next_number(input_t *input) {
    static const u32 LIMITS[] = {30000, 30001, 4096, 4097, 4000, 4001, 120, 121};
    u8 kind = next(input);
    if (kind < 128) {
        return kind % 12u;
    }
    if (kind < 192) {
        return LIMITS[kind % 8u];
    }
    return (u32)next(input) << 8 | (kind < 250 ? next(input) : 0x7fff0000u);
}

static u8 seen[65536];
static size_t seen_length;

static void drain(size_t most) {
    const u8 *data;
    size_t length = shim_peek(&data);
    length = length < most ? length : most;
    if (seen_length + length > sizeof seen) {
        seen_length = 0;
    }
    if (length <= sizeof seen) {
        memcpy(seen + seen_length, data, length);
        seen_length += length;
    }
    shim_taken(length);
    shim_run_due();
}

static void say(const char *text) { shim_from_host((const u8 *)text, strlen(text)); }

static void pass(int64_t ms) {
    int64_t until = shim_now_ms + ms;
    while (shim_next_due() >= 0 && shim_next_due() <= until) {
        shim_now_ms = shim_next_due() > shim_now_ms ? shim_next_due() : shim_now_ms;
        shim_run_due();
    }
    shim_now_ms = until;
}

static void raise_event(input_t *input) {
    static const u32 KINDS[] = {WIP_CEV_OPEN,  WIP_CEV_ERROR, WIP_CEV_READ, WIP_CEV_WRITE, WIP_CEV_PEER_CLOSE,
                                WIP_CEV_DONE,  WIP_CEV_READ,  WIP_CEV_OPEN};
    wip_event_t event;
    if (!channel.open) {
        return;
    }
    memset(&event, 0, sizeof event);
    event.kind = KINDS[next(input) % 8u];
    event.channel = &channel;
    if (event.kind == WIP_CEV_READ) {
        channel.readable += next_number(input) & 0xffffu;
        event.content.read.readable = channel.readable;
    } else if (event.kind == WIP_CEV_WRITE) {
        channel.room += next_number(input) & 0xffffu;
    } else if (event.kind == WIP_CEV_ERROR) {
        event.content.error.errnum = next(input) - 3;
    }
    channel.handler(&event, NULL);
}

static void send_data(input_t *input) {
    static u8 zeros[32768];
    u32 length = next_number(input) % (shim_in_data_mode() ? sizeof zeros : 64u);
    shim_from_host(zeros, length);
}

/* CRC-32 of so many zeros, up to the largest object, so that uploads get through now and then. */
static u32 crc_of_zeros(u32 length) {
    static u32 register_after[30001];
    if (register_after[0] == 0) {
        register_after[0] = 0xffffffffu;
        for (u32 at = 0; at < 30000u; at++) {
            u32 crc = register_after[at];
            for (u32 bit = 0; bit < 8u; bit++) {
                crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
            }
            register_after[at + 1u] = crc;
        }
    }
    return ~register_after[length];
}

static void command(input_t *input) {
    static const char *const FORMS[] = {
        "AT+MTVER?",          "AT+MTPUT=CA,%u,%u,%08x", "AT+MTPUT=CERT,%u,%u,%08x", "AT+MTPUT=KEY,%u,%u,%08x",
        "AT+MTLIST?",         "AT+MTDEL=CA,%u",         "AT+MTDEL=CERT,%u",         "AT+MTTLS=ALWAYS,%u",
        "AT+MTTLS=NEVER,%u",  "AT+MTTLS=ONCE,1,%u,%u",  "AT+MTTLS=NONE",            "AT+MTTLS?",
        "AT+MTNET=%u,\"a.b\"", "AT+MTNET=0",            "AT+MTNET?",                "AT+MTNET=1,x,%u,%u",
        "AT+MTOPEN=TLS,h,%u", "AT+MTOPEN=TLS,h,%u,1",   "AT+MTOPEN=TCP,h,%u",       "AT+MTOPEN?",
        "AT+MTSEND=%u,%08x",  "AT+MTRECV=%u",           "AT+MTCLOSE",               "AT+MTSESS?",
        "AT+MTSESS=%u",       "AT+MTERR?",              "AT+MTCLK?",                "AT+CMEE=%u",
        "ATE%u",              "AT+CCLK=\"%u\"",         "AT+WOPEN=3",               "AT+MTRECV=0",
    };
    char text[120];
    const char *form = FORMS[next(input) % (sizeof FORMS / sizeof FORMS[0])];
    u32 one = next_number(input), two = one;
    const char *crc_at = strstr(form, "%08x");
    if (strstr(form, "MTPUT") != NULL) {
        one = one % 9u;
        two = next_number(input);
        (void)snprintf(text, sizeof text, form, one, two, crc_of_zeros(two <= 30000u ? two : 0));
    } else if (crc_at != NULL) {
        (void)snprintf(text, sizeof text, form, one, crc_of_zeros(one <= 4096u ? one : 0));
    } else {
        two = next_number(input) % 10u;
        (void)snprintf(text, sizeof text, form, one, two);
    }
    say(text);
    say("\r");
}

static void raw_line(input_t *input) {
    u8 text[64];
    size_t length = next(input) % sizeof text;
    for (size_t at = 0; at < length; at++) {
        text[at] = next(input);
    }
    shim_from_host(text, length);
}

static void agent_line(input_t *input) {
    static const char *const NAMES[] = {"MTPUT=", "MTTLS=", "MTNET=", "MTOPEN=", "MTSEND=", "MTRECV=", "MTDEL=", "MT"};
    say("AT+");
    say(NAMES[next(input) % 8u]);
    raw_line(input);
    say("\r");
}

/* Everything ends; then the agent must answer. */
static void come_to_rest(void) {
    static const char EXPECTED[] = "\r\n+MTVER: 1,\"1.0.0\",\"host\",\"1.4\"\r\n\r\nOK\r\n";
    for (int turn = 0; turn < 4; turn++) {
        drain(sizeof seen);
        pass(61000);
    }
    drain(sizeof seen);
    say("\r");
    if (shim_in_data_mode()) {
        shim_misuse("data mode does not end");
    }
    say("ATE0\r");
    pass(1);
    say("AT+MTCLOSE\r");
    pass(1);
    drain(sizeof seen);
    seen_length = 0;
    say("AT+MTVER?\r");
    pass(1);
    drain(sizeof seen);
    if (seen_length != sizeof EXPECTED - 1 || memcmp(seen, EXPECTED, seen_length) != 0) {
        (void)fprintf(stderr, "the agent is stuck: it says '%.*s'\n", (int)seen_length, (const char *)seen);
        abort();
    }
}

static void begin(void) {
    static bool begun;
    if (!begun) {
        begun = TRUE;
        shim_options.flash_size = 90000;
        shim_firmware.wopen = 1;
        shim_firmware_begin();
        shim_firmware.wopen = 1;
        adl_main(ADL_INIT_POWER_ON);
        pass(1);
        drain(sizeof seen);
    }
}

/* What is there before the steps: nothing, a bearer, a connection; and how the bearer behaves. */
static void prepare(input_t *input) {
    static const char *const REASONS[] = {"", "", "", "", "", "WIP_BERR_NO_SIM", "WIP_BERR_GPRS_FAILED", "WIP_BERR_DEV"};
    u8 start = next(input);
    u8 faults = next(input);
    wip_event_t open;
    shim_options.bearer_fail = faults < 16 ? REASONS[faults % 8u] : "";
    shim_options.bearer_open_fail = faults >= 16 && faults < 24 ? REASONS[faults % 8u] : "";
    shim_options.bearer_start_fail = faults >= 24 && faults < 32 ? REASONS[faults % 8u] : "";
    shim_options.bearer_lost = faults >= 32 && faults < 64 ? REASONS[faults % 8u] : "";
    shim_options.bearer_lost_ms = faults;
    shim_options.credits = 1 + faults % 3u;
    no_channel = FALSE;
    if (start % 4u == 0) {
        return;
    }
    say("AT+MTNET=1,a\r");
    pass(25);
    if (start % 4u == 1) {
        return;
    }
    say("AT+MTTLS=NEVER\r");
    say(start % 4u == 2 ? "AT+MTOPEN=TCP,h,1\r" : "AT+MTOPEN=TLS,h,1,1\r");
    pass(1);
    if (channel.open && start < 200) {
        memset(&open, 0, sizeof open);
        open.kind = WIP_CEV_OPEN;
        open.channel = &channel;
        channel.handler(&open, NULL);
    }
    drain(sizeof seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input_t input = {data, size};
    begin();
    prepare(&input);
    while (input.size > 0) {
        u8 step = next(&input);
        switch (step % 8u) {
        case 0:
        case 1:
            command(&input);
            break;
        case 2:
            agent_line(&input);
            break;
        case 3:
            raw_line(&input);
            break;
        case 4:
            send_data(&input);
            break;
        case 5:
            raise_event(&input);
            break;
        case 6:
            pass(step >= 128 ? 10500 : step * 10);
            if (step % 16u == 6) {
                say("+++");
                pass(1000);
            }
            break;
        default:
            no_channel = step > 250;
            drain(step);
        }
        pass(0);
        if (step % 3u == 0) {
            drain(sizeof seen);
        }
    }
    come_to_rest();
    return 0;
}

#ifndef MT_LIBFUZZER
static uint64_t state;

static u8 random_byte(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (u8)(state >> 32);
}

int main(int count, char **arguments) {
    long inputs = count > 1 ? atol(arguments[1]) : 1000;
    long bytes = 0;
    state = count > 2 ? strtoull(arguments[2], NULL, 10) * 2654435761u + 88172645463325252u : 88172645463325252u;
    for (long at = 0; at < inputs; at++) {
        size_t size = (size_t)(random_byte() % 48u);
        u8 *input = malloc(size + 1u);
        for (size_t index = 0; index < size; index++) {
            input[index] = random_byte();
        }
        (void)LLVMFuzzerTestOneInput(input, size);
        free(input);
        bytes += (long)size;
    }
    (void)printf("%ld inputs, %ld bytes\n", inputs, bytes);
    return 0;
}
#endif
