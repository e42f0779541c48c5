/* The companion agent of modemtls: TLS of the Security plug-in behind AT commands.
 *
 * Protocol: docs/models/sierra-agent.md.
 */
#include "mt.h"

/* In an SDK that asks for them: the size of the stack.  The deepest chain of calls takes less than a quarter. */
const u16 wm_apmCustomStackSize = 4096;

static void ready(void) {
    mt_text_t urc;
    mt_text_begin(&urc, "+MTREADY");
    mt_urc(&urc);
}

void adl_main(adl_InitType_e type) {
    (void)type;
    (void)wip_netInit();
    /* What fails here leaves the agent without commands, which the host sees: it never says +MTREADY. */
    if (mt_store_begin() && mt_commands_begin()) {
        (void)mt_flow_begin(ready);
    }
}
