/* The module around the agent, on a host: what its parts give one another.
 *
 * The parts know no file descriptor of the port and no real time: main.c brings both, and so can the fuzz driver.
 * The module is strict: what ADL or the WIP library forbid, or leave unsaid, ends the program (shim_misuse).
 */
#ifndef SHIM_H
#define SHIM_H

#include "adl_global.h"
#include "wip.h"
#include "wip_ssl.h"

#include <poll.h>
#include <time.h>

typedef struct {
    /* firmware */
    const char *firmware, *imei, *pin, *sim, *registration, *packages;
    int boot_delay_ms, baudrate, wopen;
    long time_scale;
    /* network */
    const char *map, *apn, *bearer_open_fail, *bearer_start_fail, *bearer_fail, *bearer_lost;
    int bearer_delay_ms, bearer_lost_ms, send_window;
    bool null_create;
    /* Security plug-in, all assumed */
    const char *most_tls;
    bool host_name, sni, sha256, intermediates, trusted_dates, several_cas;
    int init_fail;
    /* faults of port and flash */
    int credits;
    long drop_byte, cut_byte, reset_byte, flash_size, flash_tear, flash_fail, flash_rot;
} shim_options_t;
extern shim_options_t shim_options;

/* options.c */
void shim_read_options(int count, char **arguments);
s32 shim_bearer_reason(const char *name);

/* clock.c: what is due later.  Time in ms, given by main.c or the fuzz driver. */
typedef void (*shim_action_t)(void *argument);
extern int64_t shim_now_ms;
int shim_later(int64_t delay_ms, shim_action_t action, void *argument);
void shim_cancel(int ticket);
int64_t shim_next_due(void);
void shim_run_due(void);

/* port.c: bytes from and to the host. */
#define SHIM_BLOCK_IN 120u
#define SHIM_BLOCK_OUT 2000u
#define SHIM_CREDITS 6
void shim_from_host(const u8 *data, size_t length);
void shim_to_host(const u8 *data, size_t length);
size_t shim_peek(const u8 **data);
void shim_taken(size_t length);
bool shim_in_data_mode(void);

/* at.c: command lines and responses. */
#define SHIM_LINE_MOST 255u
void shim_at_byte(u8 byte);

/* firmware.c: commands that the firmware answers itself. */
#define SHIM_REPLY_LINES 16
typedef struct {
    int count;
    char line[SHIM_REPLY_LINES][200];
    int error; /* 0 is OK, -1 a bare ERROR, else the number of +CME ERROR */
} shim_reply_t;
typedef struct {
    bool echo;
    int cmee;
    int wind;  /* kept in flash */
    int wopen; /* 1: the application runs; kept in flash */
    int creg, cgreg;
    bool pin_given;
    int64_t clock_offset_s; /* modem's clock minus shim_now_ms / 1000 */
} shim_firmware_t;
extern shim_firmware_t shim_firmware;
void shim_firmware_begin(void);
void shim_firmware_command(const char *command, shim_reply_t *reply);
time_t shim_clock(void);
const char *shim_sim_problem(void);
bool shim_registered(void);
void shim_say(const char *line);

/* flash.c */
void shim_flash_open(int descriptor);
void shim_flash_save(void);
void shim_flash_erase_all(void);
extern long shim_flash_writes;
extern long shim_data_bytes;

/* bearer.c and channel.c: `poll` entries for what the network waits for, and what to do then. */
bool shim_bearer_is_up(void);
void shim_bearer_begin(void);
int shim_channels_poll(struct pollfd *entries, int most);
void shim_channels_work(void);
void shim_channels_drop(void);

/* routes.c */
struct sockaddr_in;
int shim_resolve(const char *host, int port, struct sockaddr_in *address);

/* tls.c */
typedef struct ssl_st SHIM_SSL;
SHIM_SSL *shim_tls_new(int descriptor, const char *host, wip_SSLSession_t session);
bool shim_tls_refused_certificate(SHIM_SSL *ssl);
wip_SSLSession_t shim_tls_session(SHIM_SSL *ssl);
int shim_tls_open_channels(void);

/* main.c or the fuzz driver */
void shim_reset(void);
void shim_misuse(const char *what);

#endif
