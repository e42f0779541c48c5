/* The AT commands: a table, and one handler each that reads parameters and leaves the work to others.
 *
 * The firmware has checked form and number of parameters by the table before a handler is called.
 */
#include "mt.h"

#define PARAMETERS(least, most) (ADL_CMD_TYPE_PARA | (most) << 4 | (least))

static const ascii *const KIND[] = {"CA", "CERT", "KEY", NULL};

static struct {
    u8 kind;
    u8 id;
    u32 length;
    u32 crc;
} upload;

static bool is_read(const adl_atCmdPreParser_t *paras) { return (paras->Type & ADL_CMD_TYPE_READ) != 0u; }

static void answer(mt_error_t error) {
    if (error.number != MT_NO_ERROR) {
        mt_fail_with(error);
    } else {
        mt_ok();
    }
}

static bool kind_and_id(adl_atCmdPreParser_t *paras, u8 *kind, u8 *id) {
    u32 number;
    if (!mt_word(ADL_GET_PARAM(paras, 0), KIND, kind) || !mt_number(ADL_GET_PARAM(paras, 1), 1, MT_ID_MOST, &number)) {
        return FALSE;
    }
    *id = (u8)number;
    return TRUE;
}

static void add_plugin(mt_text_t *line) {
    mt_text_add(line, "\"");
#ifdef __Security_PLUGIN_VERSION__
#define MT_STRING_OF(value) #value
#define MT_STRING(value) MT_STRING_OF(value)
    /* It may be defined as a text or as a number: quotes and what does not belong into a response are left out. */
    static const ascii version[] = MT_STRING(__Security_PLUGIN_VERSION__);
    for (u32 at = 0; at < sizeof version - 1u; at++) {
        const ascii one[2] = {version[at], '\0'};
        if (one[0] > ' ' && one[0] < '\x7f' && one[0] != '"' && one[0] != '\\') {
            mt_text_add(line, one);
        }
    }
#endif
    mt_text_add(line, "\"");
}

static void on_version(adl_atCmdPreParser_t *paras) {
    mt_text_t line;
    (void)paras;
    mt_text_begin(&line, "+MTVER: " MT_PROTOCOL ",\"" MT_VERSION "\",\"" MT_BUILD "\",");
    add_plugin(&line);
    mt_line_ok(&line);
}

static void uploaded(int error) {
    if (error != MT_NO_ERROR) {
        mt_fail(error);
    } else if (mt_crc(0, mt_store_space(), upload.length) != upload.crc) {
        mt_fail(MT_BAD_CRC);
    } else {
        if (mt_tls_names(upload.kind, upload.id)) {
            mt_tls_release_session();
        }
        answer(mt_store_put(upload.kind, upload.id, upload.length, upload.crc));
    }
}

static void on_put(adl_atCmdPreParser_t *paras) {
    if (!kind_and_id(paras, &upload.kind, &upload.id) ||
        !mt_number(ADL_GET_PARAM(paras, 2), 1, 999999999u, &upload.length) ||
        !mt_hex32(ADL_GET_PARAM(paras, 3), &upload.crc)) {
        mt_fail(MT_BAD_PARAMETER);
    } else if (upload.length > MT_OBJECT_MOST) {
        mt_fail(MT_TOO_LONG);
    } else {
        mt_flow_take(mt_store_space(), upload.length, uploaded);
    }
}

static void on_list(adl_atCmdPreParser_t *paras) {
    (void)paras;
    for (u8 kind = 0; kind < MT_KINDS; kind++) {
        for (u8 id = 1; id <= MT_ID_MOST; id++) {
            mt_object_t object = mt_store_look(kind, id);
            mt_text_t line;
            if (!object.exists) {
                continue;
            }
            mt_text_begin(&line, "+MTLIST: ");
            mt_text_add(&line, KIND[kind]);
            mt_text_add(&line, ",");
            mt_text_add_number(&line, id);
            mt_text_add(&line, ",");
            mt_text_add_number(&line, object.length);
            mt_text_add(&line, ",");
            if (object.whole) {
                mt_text_add_crc(&line, object.crc);
            } else {
                mt_text_add(&line, "BAD");
            }
            mt_line(&line);
        }
    }
    mt_ok();
}

static void on_delete(adl_atCmdPreParser_t *paras) {
    u8 kind;
    u8 id;
    if (!kind_and_id(paras, &kind, &id)) {
        mt_fail(MT_BAD_PARAMETER);
    } else if (!mt_store_has(kind, id)) {
        mt_fail(MT_NO_OBJECT);
    } else if (mt_tls_names(kind, id)) {
        mt_fail(MT_IN_USE);
    } else {
        answer(mt_store_remove(kind, id));
    }
}

static void on_tls(adl_atCmdPreParser_t *paras) {
    const ascii *parameters[1 + MT_KINDS] = {NULL, NULL, NULL, NULL};
    if (is_read(paras)) {
        mt_tls_show();
        return;
    }
    for (u8 at = 0; at < 1 + MT_KINDS && at < paras->NbPara; at++) {
        parameters[at] = ADL_GET_PARAM(paras, at);
    }
    mt_tls_set(paras->NbPara, parameters);
}

static bool is_apn(const ascii *text) {
    for (u32 at = 0; text[at] != '\0'; at++) {
        if (at == MT_APN_MOST || text[at] <= ' ' || text[at] > '~') {
            return FALSE;
        }
    }
    return TRUE;
}

static void on_net(adl_atCmdPreParser_t *paras) {
    ascii user[MT_LOGIN_MOST + 1u];
    ascii password[MT_LOGIN_MOST + 1u];
    u32 start = 0;
    const ascii *apn = ADL_GET_PARAM(paras, 1);
    if (is_read(paras)) {
        mt_bearer_show();
    } else if (!mt_number(ADL_GET_PARAM(paras, 0), 0, 1, &start) || (start == 1u) != (paras->NbPara > 1u)) {
        mt_fail(MT_BAD_PARAMETER);
    } else if (start == 0u) {
        mt_bearer_stop();
    } else if (apn == NULL || !is_apn(apn) || !mt_hex_text(ADL_GET_PARAM(paras, 2), user, MT_LOGIN_MOST) ||
               !mt_hex_text(ADL_GET_PARAM(paras, 3), password, MT_LOGIN_MOST)) {
        mt_fail(MT_BAD_PARAMETER);
    } else {
        mt_bearer_start(apn, user, password);
    }
}

static bool is_host(const ascii *text) {
    if (mt_is_empty(text)) {
        return FALSE;
    }
    for (u32 at = 0; text[at] != '\0'; at++) {
        ascii one = text[at];
        bool letter = (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9');
        if (at == MT_HOST_MOST || !(letter || one == '.' || one == '-' || one == '_' || one == ':')) {
            return FALSE;
        }
    }
    return TRUE;
}

static void on_open(adl_atCmdPreParser_t *paras) {
    static const ascii *const TYPE[] = {"TCP", "TLS", NULL};
    u8 type = 0;
    u32 port = 0;
    u32 resume = 0;
    if (is_read(paras)) {
        mt_link_show();
    } else if (!mt_word(ADL_GET_PARAM(paras, 0), TYPE, &type) || !is_host(ADL_GET_PARAM(paras, 1)) ||
               !mt_number(ADL_GET_PARAM(paras, 2), 1, 65535u, &port) ||
               (!mt_is_empty(ADL_GET_PARAM(paras, 3)) && !mt_number(ADL_GET_PARAM(paras, 3), 0, 1, &resume))) {
        mt_fail(MT_BAD_PARAMETER);
    } else {
        mt_link_open(type == 1u, ADL_GET_PARAM(paras, 1), (u16)port, resume == 1u);
    }
}

static void on_send(adl_atCmdPreParser_t *paras) {
    u32 length;
    u32 crc;
    if (!mt_number(ADL_GET_PARAM(paras, 0), 1, MT_SEND_MOST, &length) || !mt_hex32(ADL_GET_PARAM(paras, 1), &crc)) {
        mt_fail(MT_BAD_PARAMETER);
    } else {
        mt_link_send(length, crc);
    }
}

static void on_receive(adl_atCmdPreParser_t *paras) {
    u32 most;
    if (!mt_number(ADL_GET_PARAM(paras, 0), 0, MT_RECEIVE_MOST, &most)) {
        mt_fail(MT_BAD_PARAMETER);
    } else {
        mt_link_receive(most);
    }
}

static void on_close(adl_atCmdPreParser_t *paras) {
    (void)paras;
    mt_link_close();
    mt_ok();
}

static void on_session(adl_atCmdPreParser_t *paras) {
    u32 zero;
    if (is_read(paras)) {
        mt_text_t line;
        mt_text_begin(&line, mt_tls_any_session() ? "+MTSESS: 1" : "+MTSESS: 0");
        mt_line_ok(&line);
    } else if (!mt_number(ADL_GET_PARAM(paras, 0), 0, 0, &zero)) {
        mt_fail(MT_BAD_PARAMETER);
    } else {
        mt_tls_release_session();
        mt_ok();
    }
}

static void on_error(adl_atCmdPreParser_t *paras) {
    mt_error_t error = mt_last_error();
    mt_text_t line;
    (void)paras;
    mt_text_begin(&line, "+MTERR: ");
    mt_text_add_number(&line, (u32)error.number);
    mt_text_add(&line, ",");
    mt_text_add_quoted(&line, error.name);
    mt_text_add(&line, ",");
    mt_text_add_signed(&line, error.raw);
    mt_line_ok(&line);
}

static void clock_known(const ascii *answered) {
    const ascii *value = answered == NULL ? NULL : mt_find(answered, "\"");
    mt_text_t line;
    if (value == NULL) {
        mt_fail(MT_INTERNAL);
        return;
    }
    mt_text_begin(&line, "+MTCLK: ");
    mt_text_add(&line, value);
    mt_line_ok(&line);
}

static void on_clock(adl_atCmdPreParser_t *paras) {
    (void)paras;
    mt_ask("AT+CCLK?", "+CCLK:", clock_known);
}

typedef struct {
    const ascii *name;
    u16 forms;
    adl_atCmdHandler_t handler;
} command_t;

static const command_t COMMANDS[] = {
    {"AT+MTVER", ADL_CMD_TYPE_READ, on_version},
    {"AT+MTPUT", PARAMETERS(4u, 4u), on_put},
    {"AT+MTLIST", ADL_CMD_TYPE_READ, on_list},
    {"AT+MTDEL", PARAMETERS(2u, 2u), on_delete},
    {"AT+MTTLS", ADL_CMD_TYPE_READ | PARAMETERS(1u, 4u), on_tls},
    {"AT+MTNET", ADL_CMD_TYPE_READ | PARAMETERS(1u, 4u), on_net},
    {"AT+MTOPEN", ADL_CMD_TYPE_READ | PARAMETERS(3u, 4u), on_open},
    {"AT+MTSEND", PARAMETERS(2u, 2u), on_send},
    {"AT+MTRECV", PARAMETERS(1u, 1u), on_receive},
    {"AT+MTCLOSE", ADL_CMD_TYPE_ACT, on_close},
    {"AT+MTSESS", ADL_CMD_TYPE_READ | PARAMETERS(1u, 1u), on_session},
    {"AT+MTERR", ADL_CMD_TYPE_READ, on_error},
    {"AT+MTCLK", ADL_CMD_TYPE_READ, on_clock},
};

/* False when the firmware took one of them not. */
bool mt_commands_begin(void) {
    for (u32 at = 0; at < sizeof COMMANDS / sizeof COMMANDS[0]; at++) {
        if (adl_atCmdSubscribe(COMMANDS[at].name, COMMANDS[at].handler, COMMANDS[at].forms) != OK) {
            return FALSE;
        }
    }
    return TRUE;
}
