/* The agent as a program: a pseudo-terminal for UART1, the computer's clock, and restarts.
 *
 * A restart of the module is a new start of the program in the same process, so all memory is lost as in a module;
 * the pseudo-terminal, the flash and the clock are handed over in the environment.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CARRIED "MTAGENT_CARRIED"
#define CHUNK 4096

static char **arguments;
static int line = -1, other_end = -1, flash = -1;
static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

void shim_misuse(const char *what) {
    (void)fprintf(stderr, "mtagent-host: misuse of the module by the agent: %s\n", what);
    abort();
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) * shim_options.time_scale;
}

void shim_reset(void) {
    char carried[160];
    (void)snprintf(carried, sizeof carried, "%d %d %d %lld %ld %ld", line, other_end, flash,
                   (long long)shim_firmware.clock_offset_s, shim_flash_writes, shim_data_bytes);
    (void)setenv(CARRIED, carried, 1);
    (void)execv("/proc/self/exe", arguments);
    die("execv");
}

static void take_over(const char *carried) {
    long long offset = 0;
    if (sscanf(carried, "%d %d %d %lld %ld %ld", &line, &other_end, &flash, &offset, &shim_flash_writes,
               &shim_data_bytes) != 6) {
        shim_misuse(CARRIED);
    }
    shim_firmware.clock_offset_s = (int64_t)offset;
}

static void open_line(void) {
    struct termios raw;
    const char *path;
    line = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (line < 0 || grantpt(line) != 0 || unlockpt(line) != 0 || (path = ptsname(line)) == NULL) {
        die("pseudo-terminal");
    }
    other_end = open(path, O_RDWR | O_NOCTTY);
    if (other_end < 0 || tcgetattr(other_end, &raw) != 0) {
        die(path);
    }
    cfmakeraw(&raw);
    (void)tcsetattr(other_end, TCSANOW, &raw);
    (void)printf("%s\n", path);
    (void)fflush(stdout);
}

static void open_flash(void) {
    const char *path = NULL;
    char temporary[] = "/tmp/mtagent-flash-XXXXXX";
    for (int at = 1; arguments[at] != NULL; at++) {
        path = strncmp(arguments[at], "--flash=", 8) == 0 ? arguments[at] + 8 : path;
    }
    flash = path != NULL ? open(path, O_RDWR | O_CREAT, 0600) : mkstemp(temporary);
    if (flash < 0) {
        die(path != NULL ? path : temporary);
    }
    if (path == NULL) {
        (void)unlink(temporary);
    }
}

static void boot(void *argument) {
    u8 lost[CHUNK];
    (void)argument;
    while (read(line, lost, sizeof lost) > 0) { /* what came while it started */
    }
    if ((shim_firmware.wind & 4) != 0) {
        shim_say("+WIND: 3");
    }
    if ((shim_firmware.wind & 8) != 0) {
        shim_say("+WIND: 4");
    }
    if (shim_firmware.wopen == 1) {
        adl_main(ADL_INIT_POWER_ON);
    }
}

/* Bytes that the pace of the line allows since `since`; a byte takes ten bits. */
static size_t allowance(int64_t since, size_t used) {
    int64_t bytes;
    if (shim_options.baudrate == 0) {
        return CHUNK;
    }
    bytes = (shim_now_ms - since) * shim_options.baudrate / 10000 - (int64_t)used;
    return bytes <= 0 ? 0 : bytes > CHUNK ? CHUNK : (size_t)bytes;
}

static struct {
    int64_t since;
    size_t used;
} out_pace, in_pace;

/* An idle line saves nothing up. */
static void restart_pace(void) {
    if (in_pace.used > 0 && allowance(in_pace.since, in_pace.used) > CHUNK / 8) {
        in_pace.since = shim_now_ms;
        in_pace.used = 0;
    }
}

static bool write_line(void) {
    const u8 *data;
    size_t length = shim_peek(&data);
    size_t most;
    ssize_t sent;
    if (length == 0) {
        out_pace.since = shim_now_ms;
        out_pace.used = 0;
        return FALSE;
    }
    most = allowance(out_pace.since, out_pace.used);
    if (most == 0) {
        return FALSE;
    }
    sent = write(line, data, length < most ? length : most);
    if (sent <= 0) {
        return FALSE;
    }
    out_pace.used += (size_t)sent;
    shim_taken((size_t)sent);
    return TRUE;
}

static bool read_line(bool booted) {
    u8 data[CHUNK];
    size_t most;
    ssize_t got;
    if (!booted) {
        return FALSE;
    }
    restart_pace();
    most = allowance(in_pace.since, in_pace.used);
    got = most == 0 ? 0 : read(line, data, most);
    if (got <= 0) {
        return FALSE;
    }
    in_pace.used += (size_t)got;
    shim_from_host(data, (size_t)got);
    return TRUE;
}

static int patience(bool paced) {
    int64_t due = shim_next_due();
    int64_t wait = due < 0 ? 500 : (due - shim_now_ms + shim_options.time_scale - 1) / shim_options.time_scale;
    wait = wait < 0 ? 0 : wait > 500 ? 500 : wait;
    return paced && wait > 1 ? 1 : (int)wait;
}

static void serve(void) {
    int boot_ticket_passed = 0;
    int64_t boot_at = shim_now_ms + (int64_t)shim_options.boot_delay_ms * shim_options.time_scale;
    out_pace.since = in_pace.since = shim_now_ms;
    (void)shim_later(boot_at - shim_now_ms, boot, NULL);
    while (!stopped) {
        struct pollfd entries[8];
        const u8 *data;
        int count = 2;
        bool booted, busy;
        char ignored[64];
        shim_now_ms = now_ms();
        booted = shim_now_ms >= boot_at && boot_ticket_passed;
        boot_ticket_passed = boot_ticket_passed || shim_now_ms >= boot_at;
        shim_run_due();
        shim_channels_work();
        busy = read_line(booted);
        busy = write_line() || busy;
        entries[0].fd = line;
        entries[0].events = (short)((booted ? POLLIN : 0) | (shim_peek(&data) > 0 ? POLLOUT : 0));
        entries[1].fd = STDIN_FILENO;
        entries[1].events = POLLIN;
        if (shim_options.baudrate != 0) {
            entries[0].events &= (short)~POLLOUT;
        }
        count += shim_channels_poll(entries + 2, 6);
        if (poll(entries, (nfds_t)count, busy ? 0 : patience(shim_options.baudrate != 0 || !booted)) > 0 &&
            entries[1].revents != 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
            stopped = 1;
        }
    }
}

int main(int count, char **given) {
    const char *carried = getenv(CARRIED);
    struct sigaction action;
    arguments = given;
    shim_read_options(count, given);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    shim_now_ms = now_ms();
    if (carried != NULL) {
        take_over(carried);
    } else {
        open_line();
        open_flash();
    }
    shim_flash_open(flash);
    shim_firmware_begin();
    serve();
    return 0;
}
