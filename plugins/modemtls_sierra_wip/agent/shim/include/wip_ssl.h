/* The few names of the Security plug-in that the agent uses, for a build on a host.
 *
 * Written for modemtls from what is public about the interface; it is not the vendor's header.  The numbers are
 * arbitrary.
 */
#ifndef SHIM_WIP_SSL_H
#define SHIM_WIP_SSL_H

#include "wip.h"

enum { WIP_SSL_ALWAYS = 4801, WIP_SSL_ONCE = 4807, WIP_SSL_NEVER = 4813 };

typedef struct shim_session *wip_SSLSession_t;

s32 wip_SSLInitOpts(int option, ...);
wip_channel_t wip_SSLClientCreateOpts(const ascii *host, u16 port, wip_eventHandler_f handler, void *context, ...);
wip_SSLSession_t wip_SSLGetSession(wip_channel_t channel);
void wip_SSLReleaseSession(wip_SSLSession_t session);

#endif
