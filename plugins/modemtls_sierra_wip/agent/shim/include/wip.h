/* The few names of the WIP library that the agent uses, for a build on a host.
 *
 * Written for modemtls from what is public about the interface; it is not the vendor's header.  Of the numbers
 * only WIP_CEV_ERROR (1) and WIP_CEV_OPEN (2) are published.  All others are arbitrary here, and odd.
 */
#ifndef SHIM_WIP_H
#define SHIM_WIP_H

#include "adl_global.h"

s8 wip_netInit(void);

/* Bearers. */
typedef struct shim_bearer *wip_bearer_t;
typedef void (*wip_bearerHandler_f)(wip_bearer_t bearer, s8 event, void *context);
typedef u32 wip_in_addr_t;

enum {
    WIP_BEV_IP_CONNECTED = 23,
    WIP_BEV_IP_DISCONNECTED = 29,
    WIP_BEV_CONN_FAILED = 31,
    WIP_BEV_STOPPED = 37,
    WIP_BEV_DIAL_CALL = 41
};

enum {
    WIP_BERR_OK_INPROGRESS = -7001,
    WIP_BERR_NO_DEV = -7003,
    WIP_BERR_ALREADY = -7005,
    WIP_BERR_NO_IF = -7007,
    WIP_BERR_NO_HDL = -7009,
    WIP_BERR_BAD_HDL = -7011,
    WIP_BERR_BAD_STATE = -7013,
    WIP_BERR_DEV = -7015,
    WIP_BERR_OPTION = -7017,
    WIP_BERR_PARAM = -7019,
    WIP_BERR_LINE_BUSY = -7021,
    WIP_BERR_NO_ANSWER = -7023,
    WIP_BERR_NO_CARRIER = -7025,
    WIP_BERR_NO_SIM = -7027,
    WIP_BERR_PIN_NOT_READY = -7029,
    WIP_BERR_GPRS_FAILED = -7031,
    WIP_BERR_PPP_LCP_FAILED = -7033,
    WIP_BERR_PPP_AUTH_FAILED = -7035,
    WIP_BERR_PPP_IPCP_FAILED = -7037,
    WIP_BERR_PPP_LINK_FAILED = -7039,
    WIP_BERR_PPP_TERM_REQ = -7041,
    WIP_BERR_CALL_REFUSED = -7043
};

enum {
    WIP_BOPT_END = 6101,
    WIP_BOPT_LOGIN = 6103,
    WIP_BOPT_PASSWORD = 6105,
    WIP_BOPT_GPRS_APN = 6107,
    WIP_BOPT_ERROR = 6109,
    WIP_BOPT_IP_ADDR = 6111
};

s32 wip_bearerOpen(wip_bearer_t *bearer, const ascii *device, wip_bearerHandler_f handler, void *context);
s32 wip_bearerClose(wip_bearer_t bearer);
s32 wip_bearerSetOpts(wip_bearer_t bearer, ...);
s32 wip_bearerGetOpts(wip_bearer_t bearer, ...);
s32 wip_bearerStart(wip_bearer_t bearer);
s32 wip_bearerStop(wip_bearer_t bearer);
bool wip_inet_ntoa(wip_in_addr_t address, ascii *text, u16 length);

/* Channels. */
typedef struct shim_channel *wip_channel_t;

enum {
    WIP_CEV_ERROR = 1,
    WIP_CEV_OPEN = 2,
    WIP_CEV_DONE = 8011,
    WIP_CEV_PEER_CLOSE = 8013,
    WIP_CEV_PING = 8017,
    WIP_CEV_READ = 8023,
    WIP_CEV_WRITE = 8029
};

enum {
    WIP_CERR_CSTATE = -9003,
    WIP_CERR_NOT_SUPPORTED = -9005,
    WIP_CERR_INVALID = -9011,
    WIP_CERR_MEMORY = -9013,
    WIP_CERR_INTERNAL = -9015
};

enum {
    WIP_COPT_END = 5201,
    WIP_COPT_SESSION = 5203,
    WIP_COPT_CERT = 5205,
    WIP_COPT_KEY = 5207,
    WIP_COPT_CERT_AUTHORITY = 5209,
    WIP_COPT_VERIFY = 5211
};

typedef enum { WIP_CTYPE_TCP_CLIENT = 307, WIP_CTYPE_SSL = 311 } wip_channelType_e;

typedef struct {
    u32 kind;
    wip_channel_t channel;
    union {
        struct {
            s32 errnum;
        } error;
        struct {
            u32 readable;
        } read;
        struct {
            u32 writable;
        } write;
    } content;
} wip_event_t;
typedef void (*wip_eventHandler_f)(wip_event_t *event, void *context);

wip_channel_t wip_TCPClientCreateOpts(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, ...);
s32 wip_read(wip_channel_t channel, void *data, u32 length);
s32 wip_write(wip_channel_t channel, void *data, u32 length);
s32 wip_close(wip_channel_t channel);
bool wip_hasType(wip_channel_t channel, wip_channelType_e type);

#endif
