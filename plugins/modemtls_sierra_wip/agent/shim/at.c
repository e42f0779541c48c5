/* Command lines: to the application's handler if it has subscribed the command, else to the firmware.
 *
 * Quotes, spaces and semicolons are taken out; form and number of parameters are checked before a handler sees
 * them.  While a command runs, others get 515, and unsolicited lines wait.
 */
#include "shim.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS_MOST 40
#define HELD_MOST 8192u

static struct {
    char name[24];
    adl_atCmdHandler_t handler;
    u16 forms;
} commands[COMMANDS_MOST];
static int command_count;

static char line[SHIM_LINE_MOST + 2u];
static size_t line_length;
static bool running;
static char held[HELD_MOST];
static size_t held_length;

static void say_text(const char *text) { shim_to_host((const u8 *)text, strlen(text)); }

void shim_say(const char *text) {
    char framed[400];
    int length = snprintf(framed, sizeof framed, "\r\n%s\r\n", text);
    if (running || shim_in_data_mode()) {
        if (held_length + (size_t)length < HELD_MOST) {
            memcpy(held + held_length, framed, (size_t)length);
            held_length += (size_t)length;
        }
    } else {
        say_text(framed);
    }
}

static void end_command(void) {
    running = FALSE;
    shim_to_host((const u8 *)held, held_length);
    held_length = 0;
}

static void say_error(int number) {
    char text[40];
    if (number > 0 && shim_firmware.cmee > 0) {
        (void)snprintf(text, sizeof text, "\r\n+CME ERROR: %d\r\n", number);
        say_text(text);
    } else {
        say_text("\r\nERROR\r\n");
    }
}

static void say_reply(const shim_reply_t *reply) {
    for (int at = 0; at < reply->count; at++) {
        say_text("\r\n");
        say_text(reply->line[at]);
        say_text("\r\n");
    }
    if (reply->error == 0) {
        say_text("\r\nOK\r\n");
    } else {
        say_error(reply->error);
    }
}

/* Cuts the parameters out of `text`, in place. */
static int split(char *text, const ascii **parameters) {
    int count = 0;
    bool quoted = FALSE;
    char *to = text;
    parameters[count++] = text;
    for (char *from = text;; from++) {
        if (*from == '"') {
            quoted = !quoted;
        } else if (*from == ',' && !quoted) {
            *to++ = '\0';
            if (count == (int)SHIM_MOST_PARAMETERS) {
                return -1;
            }
            parameters[count++] = to;
        } else {
            *to++ = *from;
            if (*from == '\0') {
                return count;
            }
        }
    }
}

static bool call(int index, char *rest) {
    adl_atCmdPreParser_t *paras = calloc(1, sizeof *paras);
    u16 forms = commands[index].forms;
    bool fits = FALSE;
    paras->Port = ADL_PORT_UART1;
    if (rest[0] == '\0') {
        paras->Type = ADL_CMD_TYPE_ACT;
        fits = (forms & ADL_CMD_TYPE_ACT) != 0;
    } else if (strcmp(rest, "?") == 0) {
        paras->Type = ADL_CMD_TYPE_READ;
        fits = (forms & ADL_CMD_TYPE_READ) != 0;
    } else if (strcmp(rest, "=?") == 0) {
        paras->Type = ADL_CMD_TYPE_TEST;
        fits = (forms & ADL_CMD_TYPE_TEST) != 0;
    } else {
        int count = split(rest + 1, paras->shim_parameters);
        paras->Type = ADL_CMD_TYPE_PARA;
        paras->NbPara = count < 0 ? (u8)0 : (u8)count;
        fits = (forms & ADL_CMD_TYPE_PARA) != 0 && count >= (forms & 15) && count <= ((forms >> 4) & 15);
    }
    if (fits) {
        running = TRUE;
        commands[index].handler(paras);
    }
    free(paras);
    return fits;
}

static int find(const char *text, size_t length) {
    for (int at = command_count - 1; at >= 0; at--) { /* the last subscriber wins */
        if (strlen(commands[at].name) == length && strncmp(commands[at].name, text, length) == 0) {
            return at;
        }
    }
    return -1;
}

static void execute(char *text) {
    size_t name = strcspn(text, "=?");
    int index;
    for (size_t at = 0; at < name; at++) {
        text[at] = (char)toupper((unsigned char)text[at]);
    }
    index = find(text, name);
    if (index >= 0) {
        /* A copy of its own: a handler that reads it after it has returned is seen by the sanitizer. */
        char *rest = strdup(text + name);
        if (!call(index, rest)) {
            say_error(-1);
        }
        free(rest);
    } else {
        shim_reply_t reply;
        shim_firmware_command(text, &reply);
        say_reply(&reply);
    }
}

static void end_of_line(void) {
    char text[SHIM_LINE_MOST + 2u];
    size_t length = 0;
    bool at_line;
    for (size_t at = 0; at < line_length; at++) {
        if ((unsigned char)line[at] > ' ' && line[at] != ';') {
            text[length++] = line[at];
        }
    }
    text[length] = '\0';
    at_line = length >= 2 && toupper((unsigned char)text[0]) == 'A' && toupper((unsigned char)text[1]) == 'T';
    if (!at_line) {
        /* no command: ignored */
    } else if (line_length > SHIM_LINE_MOST) {
        say_error(-1);
    } else if (running) {
        say_error(515);
    } else {
        execute(text);
    }
    line_length = 0;
}

void shim_at_byte(u8 byte) {
    if (shim_firmware.echo) {
        shim_to_host(&byte, 1);
    }
    if (byte == '\r') {
        end_of_line();
    } else if (byte == '\b') {
        line_length -= line_length > 0;
    } else if (byte >= ' ' && line_length <= SHIM_LINE_MOST) {
        line[line_length++] = (char)byte;
    }
}

s16 adl_atCmdSubscribe(const ascii *command, adl_atCmdHandler_t handler, u16 options) {
    if (command_count == COMMANDS_MOST || strlen(command) >= sizeof commands[0].name || handler == NULL) {
        return -1;
    }
    (void)strcpy(commands[command_count].name, command);
    commands[command_count].handler = handler;
    commands[command_count].forms = options;
    command_count++;
    return OK;
}

s32 adl_atSendResponse(u16 type, const ascii *text) {
    size_t length = strlen(text);
    if (length < 5 || strncmp(text, "\r\n", 2) != 0 || strcmp(text + length - 2, "\r\n") != 0) {
        shim_misuse("a response that does not stand between CR LF pairs");
    }
    switch (type & 255u) {
    case ADL_AT_UNS: {
        char bare[400];
        (void)snprintf(bare, sizeof bare, "%.*s", (int)(length - 4), text + 2);
        shim_say(bare);
        return OK;
    }
    case ADL_AT_INT:
    case ADL_AT_RSP:
        if (!running || shim_in_data_mode()) {
            shim_misuse("a response, and no command is running in AT mode");
        }
        say_text(text);
        if ((type & 255u) == ADL_AT_RSP) {
            end_command();
        }
        return OK;
    default:
        shim_misuse("a response of no type");
        return -1;
    }
}

s32 adl_atSendStdResponse(u16 type, adl_strID_e id) {
    return adl_atSendResponse(type, id == ADL_STR_OK ? "\r\nOK\r\n" : "\r\nERROR\r\n");
}

/* A command of the application to the firmware. */
static struct {
    char command[64];
    adl_atRspHandler_t handler;
} asked;

static void tell(adl_strID_e id, const char *text) {
    adl_atResponse_t *response = calloc(1, sizeof *response);
    response->RspID = id;
    response->Dest = ADL_PORT_OPEN_AT_VIRTUAL_BASE;
    response->StrLength = (u16)snprintf(response->StrData, sizeof response->StrData, "\r\n%s\r\n", text);
    (void)asked.handler(response);
    free(response);
}

static void run_asked(void *argument) {
    shim_reply_t reply;
    (void)argument;
    shim_firmware_command(asked.command, &reply);
    for (int at = 0; at < reply.count; at++) {
        tell(ADL_STR_NO_STRING, reply.line[at]);
    }
    tell(reply.error == 0 ? ADL_STR_OK : ADL_STR_ERROR, reply.error == 0 ? "OK" : "ERROR");
}

s8 adl_atCmdCreate(const ascii *command, u16 flag, adl_atRspHandler_t handler, ...) {
    va_list list;
    const char *filter;
    va_start(list, handler);
    filter = va_arg(list, const char *);
    if (strcmp(filter, "*") != 0 || va_arg(list, const char *) != NULL) {
        shim_misuse("only all responses can be asked for here");
    }
    va_end(list);
    if (flag != ADL_AT_PORT_TYPE(ADL_PORT_OPEN_AT_VIRTUAL_BASE, FALSE) || strlen(command) >= sizeof asked.command) {
        return -1;
    }
    (void)strcpy(asked.command, command);
    asked.handler = handler;
    (void)shim_later(0, run_asked, NULL);
    return OK;
}
