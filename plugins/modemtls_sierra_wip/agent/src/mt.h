/* The companion agent: what its parts give one another.
 *
 * Everything happens in callbacks of one ADL task, so there are no locks.  Everything is static: the agent itself
 * asks for no memory, and no buffer grows.  A command handler either answers before it returns or has left word
 * (a flow, an event, a timer) of who will; the firmware refuses other commands with 515 until then.
 */
#ifndef MT_H
#define MT_H

#include "adl_global.h"
#include "wip.h"
#ifdef __Security_PLUGIN_VERSION__
#include "wip_ssl.h"
#endif

#define MT_PROTOCOL "1"
#define MT_VERSION "1.0.0"
#ifndef MT_BUILD
#define MT_BUILD "sdk"
#endif

#define MT_PORT ADL_PORT_UART1
#define MT_VIRTUAL_PORT ADL_AT_PORT_TYPE(ADL_PORT_OPEN_AT_VIRTUAL_BASE, FALSE)

#define MT_OBJECT_MOST 30000u
#define MT_ID_MOST 8u
#define MT_APN_MOST 96u
#define MT_LOGIN_MOST 64u
#define MT_HOST_MOST 200u
#define MT_SEND_MOST 4096u
#define MT_RECEIVE_MOST 4000u

/* Numbers of the agent's errors; docs/models/sierra-agent.md says what they mean. */
enum {
    MT_NO_ERROR = 0,
    MT_INTERNAL = 700,
    MT_BAD_PARAMETER = 701,
    MT_BUSY = 702,
    MT_NO_OBJECT = 703,
    MT_FLASH_FULL = 704,
    MT_FLASH_FAILED = 705,
    MT_DATA_MISSING = 706,
    MT_BAD_CRC = 707,
    MT_TOO_LONG = 708,
    MT_NO_PLUGIN = 710,
    MT_NO_CHANNEL = 711,
    MT_BEARER_DOWN = 712,
    MT_BEARER_NOT_OPENED = 713,
    MT_BEARER_NOT_STARTED = 714,
    MT_NOT_CONNECTED = 715,
    MT_CONNECTED = 716,
    MT_NO_CA = 717,
    MT_CERTIFICATE_ALONE = 718,
    MT_TLS_REFUSED = 719,
    MT_IN_USE = 720,
    MT_ENDED = 721
};

/* What went wrong: the agent's number, the library's name for it (never NULL) and the library's number. */
typedef struct {
    int number;
    const ascii *name;
    s32 raw;
} mt_error_t;

/* mt_text.c: a line that is put together, cut off where it would not fit. */
#define MT_TEXT_MOST 320u
typedef struct {
    u16 length;
    ascii data[MT_TEXT_MOST + 1u];
} mt_text_t;
void mt_text_begin(mt_text_t *text, const ascii *start);
void mt_text_add(mt_text_t *text, const ascii *more);
void mt_text_add_quoted(mt_text_t *text, const ascii *more);
void mt_text_add_number(mt_text_t *text, u32 value);
void mt_text_add_signed(mt_text_t *text, s32 value);
void mt_text_add_crc(mt_text_t *text, u32 value);
u32 mt_length(const ascii *text, u32 most);
bool mt_same(const ascii *one, const ascii *other);
bool mt_copy(ascii *to, u32 size, const ascii *from);
const ascii *mt_find(const ascii *text, const ascii *part);

/* mt_params.c: parameters of a command. */
bool mt_is_empty(const ascii *text);
bool mt_number(const ascii *text, u32 least, u32 most, u32 *value);
bool mt_hex32(const ascii *text, u32 *value);
bool mt_hex_text(const ascii *text, ascii *to, u32 most);
bool mt_word(const ascii *text, const ascii *const *words, u8 *index);

/* mt_crc.c */
u32 mt_crc(u32 crc, const u8 *data, u32 length);

/* mt_names.c: names of numbers, by the symbols of the library. */
const ascii *mt_bearer_name(s32 value);
const ascii *mt_channel_name(s32 value);
const ascii *mt_event_name(u32 value);
const ascii *mt_flash_name(s32 value);

/* mt_reply.c: responses, and what went wrong last. */
void mt_ok(void);
void mt_fail(int number);
void mt_fail_with(mt_error_t error);
void mt_note(mt_error_t error);
mt_error_t mt_last_error(void);
void mt_line(const mt_text_t *text);
void mt_line_ok(const mt_text_t *text);
void mt_urc(const mt_text_t *text);

/* mt_ask.c: a command that the agent gives the firmware itself; `done` gets the line that begins with `prefix`,
 * or NULL.  One at a time. */
typedef void (*mt_asked_t)(const ascii *line);
void mt_ask(const ascii *command, const ascii *prefix, mt_asked_t done);

/* mt_flow.c: counted bytes from and to the host. */
typedef void (*mt_flow_done_t)(int error);
bool mt_flow_begin(void (*opened)(void));
void mt_flow_take(u8 *into, u32 length, mt_flow_done_t done);
void mt_flow_give(const mt_text_t *head, const u8 *data, u32 length, mt_flow_done_t done);

/* mt_store.c: objects and the TLS configuration in flash. */
enum { MT_CA = 0, MT_CERT = 1, MT_KEY = 2, MT_KINDS = 3 };
enum { MT_VERIFY_NONE = 0, MT_VERIFY_ALWAYS = 1, MT_VERIFY_ONCE = 2, MT_VERIFY_NEVER = 3 };
typedef struct {
    u8 verify;
    u8 id[MT_KINDS]; /* 0 is none */
} mt_tls_t;
typedef struct {
    bool exists;
    bool whole;
    u32 length;
    u32 crc;
} mt_object_t;
#define MT_HEADER_SIZE 28u
/* One object with its header, and a zero byte behind it. */
typedef struct {
    u8 bytes[MT_HEADER_SIZE + MT_OBJECT_MOST + 1u];
} mt_buffer_t;
bool mt_store_begin(void);
u8 *mt_store_space(void);
mt_error_t mt_store_put(u8 kind, u8 id, u32 length, u32 crc);
bool mt_store_has(u8 kind, u8 id);
mt_object_t mt_store_look(u8 kind, u8 id);
mt_error_t mt_store_remove(u8 kind, u8 id);
const ascii *mt_store_read(u8 kind, u8 id, mt_buffer_t *into);
mt_tls_t mt_store_tls(void);
mt_error_t mt_store_set_tls(mt_tls_t tls);

/* mt_tls.c: the one trust configuration, and the one saved session. */
void mt_tls_set(u8 count, const ascii *const *parameters);
void mt_tls_show(void);
mt_error_t mt_tls_apply(void);
bool mt_tls_names(u8 kind, u8 id);
wip_channel_t mt_tls_create(const ascii *host, u16 port, wip_eventHandler_f handler, bool offer);
void mt_tls_save_session(wip_channel_t channel, const ascii *host, u16 port);
bool mt_tls_has_session(const ascii *host, u16 port);
bool mt_tls_any_session(void);
void mt_tls_release_session(void);

/* mt_bearer.c */
bool mt_bearer_is_up(void);
void mt_bearer_start(const ascii *apn, const ascii *user, const ascii *password);
void mt_bearer_stop(void);
void mt_bearer_show(void);

/* mt_link.c: the one connection. */
void mt_link_open(bool tls, const ascii *host, u16 port, bool resume);
void mt_link_show(void);
void mt_link_send(u32 length, u32 crc);
void mt_link_receive(u32 most);
void mt_link_close(void);
void mt_link_lost(void);

/* mt_commands.c */
bool mt_commands_begin(void);

#endif
