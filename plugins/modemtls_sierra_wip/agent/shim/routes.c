/* Where a name leads: to the loopback if it is localhost or ends in .test, else only where `map` leads it, and that
 * has to be the loopback too.
 */
#include "shim.h"
#include "errnum.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcasecmp(text + length - wanted, end) == 0;
}

/* One entry of the map, host:port=address:port; `*` is any. */
static bool mapped(const char *entry, size_t length, const char *host, int port, char *to, size_t size, int *to_port) {
    char text[300], from_host[260], from_port[8], address[64], last[8];
    (void)snprintf(text, sizeof text, "%.*s", (int)length, entry);
    if (sscanf(text, "%259[^:]:%7[^=]=%63[^:]:%7s", from_host, from_port, address, last) != 4 ||
        (strcmp(from_host, "*") != 0 && strcasecmp(from_host, host) != 0) ||
        (strcmp(from_port, "*") != 0 && atoi(from_port) != port)) {
        return FALSE;
    }
    (void)snprintf(to, size, "%s", address);
    *to_port = strcmp(last, "*") == 0 ? port : atoi(last);
    return TRUE;
}

/* 0, or the number of what is wrong with the name. */
int shim_resolve(const char *host, int port, struct sockaddr_in *address) {
    char to[64] = "";
    const char *entry = shim_options.map;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    while (entry[0] != '\0') {
        size_t length = strcspn(entry, ",");
        if (mapped(entry, length, host, port, to, sizeof to, &port)) {
            host = to;
            break;
        }
        entry += length + (entry[length] == ',');
    }
    address->sin_port = htons((uint16_t)port);
    if (strcasecmp(host, "localhost") == 0 || ends_with(host, ".test") || ends_with(host, ".localhost")) {
        host = "127.0.0.1";
    }
    if (inet_pton(AF_INET, host, &address->sin_addr) == 1) {
        return (ntohl(address->sin_addr.s_addr) >> 24) == 127 ? 0 : SHIM_ERRNUM_UNREACHABLE;
    }
    return ends_with(host, ".invalid") ? SHIM_ERRNUM_NAME : SHIM_ERRNUM_UNREACHABLE;
}
