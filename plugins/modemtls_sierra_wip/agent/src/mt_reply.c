/* Responses to the host, and the memory of what went wrong last.
 *
 * An error asks the firmware for AT+CMEE first and is answered when that is known: it depends on the host's
 * setting whether a number may be said.  The setting is taken to be one for all ports.
 */
#include "mt.h"

static mt_error_t last = {MT_NO_ERROR, "", 0};
static int answer; /* not `last`: an event may come while AT+CMEE? is under way */

static void say(u16 type, const mt_text_t *text) {
    mt_text_t framed;
    mt_text_begin(&framed, "\r\n");
    mt_text_add(&framed, text->data);
    mt_text_add(&framed, "\r\n");
    (void)adl_atSendResponse(ADL_AT_PORT_TYPE(MT_PORT, type), framed.data);
}

void mt_line(const mt_text_t *text) { say(ADL_AT_INT, text); }

void mt_urc(const mt_text_t *text) { say(ADL_AT_UNS, text); }

void mt_ok(void) { (void)adl_atSendStdResponse(ADL_AT_PORT_TYPE(MT_PORT, ADL_AT_RSP), ADL_STR_OK); }

void mt_line_ok(const mt_text_t *text) {
    mt_line(text);
    mt_ok();
}

static void cmee_known(const ascii *line) {
    const ascii *value = line == NULL ? NULL : mt_find(line, ": ");
    if (value != NULL && (value[2] == '1' || value[2] == '2')) {
        mt_text_t text;
        mt_text_begin(&text, "+CME ERROR: ");
        mt_text_add_number(&text, (u32)answer);
        say(ADL_AT_RSP, &text);
    } else {
        (void)adl_atSendStdResponse(ADL_AT_PORT_TYPE(MT_PORT, ADL_AT_RSP), ADL_STR_ERROR);
    }
}

void mt_fail_with(mt_error_t error) {
    last = error;
    answer = error.number;
    mt_ask("AT+CMEE?", "+CMEE:", cmee_known);
}

void mt_fail(int number) {
    mt_error_t error = {number, "", 0};
    mt_fail_with(error);
}

void mt_note(mt_error_t error) { last = error; }

mt_error_t mt_last_error(void) { return last; }
