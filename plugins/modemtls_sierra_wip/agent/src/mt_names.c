/* Names of the library's numbers.
 *
 * Most numbers are not public, so a host cannot know them: it gets names.  The tables are made of the symbols
 * themselves; what is in no table has the empty name and keeps its number.
 */
#include "mt.h"

typedef struct {
    s32 value;
    const ascii *name;
} name_t;

#define NAME(symbol) {(s32)symbol, #symbol}

static const name_t BEARER[] = {
    NAME(WIP_BERR_NO_DEV),          NAME(WIP_BERR_ALREADY),         NAME(WIP_BERR_NO_IF),
    NAME(WIP_BERR_NO_HDL),          NAME(WIP_BERR_BAD_HDL),         NAME(WIP_BERR_BAD_STATE),
    NAME(WIP_BERR_DEV),             NAME(WIP_BERR_OPTION),          NAME(WIP_BERR_PARAM),
    NAME(WIP_BERR_LINE_BUSY),       NAME(WIP_BERR_NO_ANSWER),       NAME(WIP_BERR_NO_CARRIER),
    NAME(WIP_BERR_NO_SIM),          NAME(WIP_BERR_PIN_NOT_READY),   NAME(WIP_BERR_GPRS_FAILED),
    NAME(WIP_BERR_PPP_LCP_FAILED),  NAME(WIP_BERR_PPP_AUTH_FAILED), NAME(WIP_BERR_PPP_IPCP_FAILED),
    NAME(WIP_BERR_PPP_LINK_FAILED), NAME(WIP_BERR_PPP_TERM_REQ),    NAME(WIP_BERR_CALL_REFUSED),
};

static const name_t CHANNEL[] = {
    NAME(WIP_CERR_NOT_SUPPORTED), NAME(WIP_CERR_INVALID),  NAME(WIP_CERR_MEMORY),
    NAME(WIP_CERR_CSTATE),        NAME(WIP_CERR_INTERNAL),
};

static const name_t EVENT[] = {
    NAME(WIP_CEV_DONE), NAME(WIP_CEV_ERROR), NAME(WIP_CEV_OPEN),  NAME(WIP_CEV_PEER_CLOSE),
    NAME(WIP_CEV_PING), NAME(WIP_CEV_READ),  NAME(WIP_CEV_WRITE),
};

static const name_t FLASH[] = {
    NAME(ADL_FLH_RET_ERR_OBJ_NOT_EXIST), NAME(ADL_FLH_RET_ERR_MEM_FULL),        NAME(ADL_FLH_RET_ERR_NO_ENOUGH_IDS),
    NAME(ADL_RET_ERR_UNKNOWN_HDL),       NAME(ADL_FLH_RET_ERR_ID_OUT_OF_RANGE), NAME(ADL_RET_ERR_FATAL),
};

static const ascii *find(const name_t *names, u32 count, s32 value) {
    for (u32 at = 0; at < count; at++) {
        if (names[at].value == value) {
            return names[at].name;
        }
    }
    return "";
}

#define FIND(table, value) find(table, (u32)(sizeof(table) / sizeof(table[0])), value)

const ascii *mt_bearer_name(s32 value) { return FIND(BEARER, value); }
const ascii *mt_channel_name(s32 value) { return FIND(CHANNEL, value); }
const ascii *mt_event_name(u32 value) { return FIND(EVENT, (s32)value); }
const ascii *mt_flash_name(s32 value) { return FIND(FLASH, value); }
