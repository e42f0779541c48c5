/* A command that the agent gives the firmware itself, on the port that only applications have.
 *
 * This is how the agent learns AT+CMEE and AT+CCLK: both are documented commands, so no function of ADL has to be
 * guessed.  The lines of the answer come to a handler, which keeps them from the host.
 */
#include "mt.h"

static struct {
    mt_asked_t done;
    const ascii *prefix;
    bool found;
    ascii line[MT_TEXT_MOST + 1u];
} asked;

static void end(void) {
    mt_asked_t done = asked.done;
    if (done != NULL) {
        asked.done = NULL;
        done(asked.found ? asked.line : NULL);
    }
}

static bool on_line(adl_atResponse_t *paras) {
    const ascii *start = mt_find(paras->StrData, asked.prefix == NULL ? "" : asked.prefix);
    if (asked.done != NULL && start != NULL && !asked.found) {
        u32 length = 0;
        while (length < MT_TEXT_MOST && start[length] != '\0' && start[length] != '\r' && start[length] != '\n') {
            asked.line[length] = start[length];
            length++;
        }
        asked.line[length] = '\0';
        asked.found = TRUE;
    } else if (paras->RspID == ADL_STR_OK || mt_find(paras->StrData, "ERROR") != NULL) {
        end();
    }
    return FALSE;
}

void mt_ask(const ascii *command, const ascii *prefix, mt_asked_t done) {
    asked.done = done;
    asked.prefix = prefix;
    asked.found = FALSE;
    asked.line[0] = '\0';
    if (adl_atCmdCreate(command, MT_VIRTUAL_PORT, on_line, "*", NULL) != OK) {
        end();
    }
}
