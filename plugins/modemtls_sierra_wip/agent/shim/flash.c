/* Flash objects and the few settings that stay, in a file.
 *
 * The file is written anew with each change.  Faults: the n-th write keeps half of its bytes and the module
 * restarts; or keeps nothing and says that it failed; or keeps something else, and says nothing.
 */
#include "shim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDS_MOST 2000u
#define OBJECT_MOST 30720u
#define MAGIC 0x3146544du

static struct {
    u16 length;
    u8 *data;
} object[IDS_MOST];
static u16 subscribed; /* how many ids; 0 is none */
static int file = -1;

long shim_flash_writes;

typedef struct {
    u32 magic;
    s32 wind;
    s32 wopen;
    u32 subscribed;
    u32 count;
} head_t;

void shim_flash_save(void) {
    head_t head = {MAGIC, shim_firmware.wind, shim_firmware.wopen, subscribed, 0};
    off_t at = sizeof head;
    if (file < 0) {
        return;
    }
    for (u16 id = 0; id < IDS_MOST; id++) {
        if (object[id].data != NULL) {
            u16 entry[2] = {id, object[id].length};
            head.count++;
            at += pwrite(file, entry, sizeof entry, at);
            at += pwrite(file, object[id].data, object[id].length, at);
        }
    }
    if (pwrite(file, &head, sizeof head, 0) != sizeof head || ftruncate(file, at) != 0) {
        shim_misuse("the file of the flash cannot be written");
    }
}

static void keep(u16 id, u16 length, const u8 *data) {
    free(object[id].data);
    object[id].data = malloc((size_t)length + 1u);
    object[id].length = length;
    memcpy(object[id].data, data, length);
}

/* What the file holds; an empty one is a new flash. */
void shim_flash_open(int descriptor) {
    head_t head;
    off_t at = sizeof head;
    static u8 data[65536];
    file = descriptor;
    if (pread(file, &head, sizeof head, 0) != sizeof head || head.magic != MAGIC) {
        shim_firmware.wopen = shim_options.wopen;
        return;
    }
    shim_firmware.wind = head.wind;
    shim_firmware.wopen = head.wopen;
    subscribed = (u16)head.subscribed;
    for (u32 count = 0; count < head.count; count++) {
        u16 entry[2];
        if (pread(file, entry, sizeof entry, at) != sizeof entry || entry[0] >= IDS_MOST ||
            pread(file, data, entry[1], at + (off_t)sizeof entry) != entry[1]) {
            shim_misuse("the file of the flash is not one");
        }
        keep(entry[0], entry[1], data);
        at += (off_t)sizeof entry + entry[1];
    }
}

static void forget(u16 id) {
    free(object[id].data);
    object[id].data = NULL;
    object[id].length = 0;
}

/* AT+WOPEN=3: all objects, and the subscription. */
void shim_flash_erase_all(void) {
    for (u16 id = 0; id < IDS_MOST; id++) {
        forget(id);
    }
    subscribed = 0;
    shim_flash_save();
}

static bool known(const ascii *handle) { return strcmp(handle, "modemtls") == 0 && subscribed > 0u; }

s8 adl_flhSubscribe(const ascii *handle, u16 objects) {
    if (strcmp(handle, "modemtls") != 0 || objects == 0u || objects > IDS_MOST) {
        return ADL_FLH_RET_ERR_NO_ENOUGH_IDS;
    }
    if (subscribed > 0u) {
        return ADL_RET_ERR_ALREADY_SUBSCRIBED;
    }
    subscribed = objects;
    shim_flash_save();
    return OK;
}

/* The object's length; 0 when it is not there. */
s32 adl_flhExist(const ascii *handle, u16 id) {
    if (!known(handle)) {
        return ADL_RET_ERR_UNKNOWN_HDL;
    }
    return id < subscribed ? (s32)object[id].length : ADL_FLH_RET_ERR_ID_OUT_OF_RANGE;
}

s8 adl_flhErase(const ascii *handle, u16 id) {
    s32 length = adl_flhExist(handle, id);
    if (length <= 0) {
        return length < 0 ? (s8)length : (s8)ADL_FLH_RET_ERR_OBJ_NOT_EXIST;
    }
    forget(id);
    shim_flash_save();
    return OK;
}

static long used_without(u16 id) {
    long used = 0;
    for (u16 at = 0; at < IDS_MOST; at++) {
        used += at == id ? 0 : (long)object[at].length;
    }
    return used;
}

s8 adl_flhWrite(const ascii *handle, u16 id, u16 length, const u8 *data) {
    s32 there = adl_flhExist(handle, id);
    if (there < 0) {
        return (s8)there;
    }
    if (length == 0u || length > OBJECT_MOST) {
        shim_misuse("a flash object without bytes, or with more than 30 KB");
    }
    if (used_without(id) + length > shim_options.flash_size) {
        return ADL_FLH_RET_ERR_MEM_FULL;
    }
    shim_flash_writes++;
    if (shim_flash_writes == shim_options.flash_fail) {
        return ADL_RET_ERR_FATAL;
    }
    if (shim_flash_writes == shim_options.flash_tear) {
        keep(id, length, data);
        memset(object[id].data + length / 2u, 0xff, length - length / 2u);
        shim_flash_save();
        shim_reset();
        return ADL_RET_ERR_FATAL;
    }
    keep(id, length, data);
    object[id].data[length / 2u] ^= shim_flash_writes == shim_options.flash_rot ? 4u : 0u;
    shim_flash_save();
    return OK;
}

s8 adl_flhRead(const ascii *handle, u16 id, u16 length, u8 *data) {
    s32 there = adl_flhExist(handle, id);
    if (there <= 0) {
        return there < 0 ? (s8)there : (s8)ADL_FLH_RET_ERR_OBJ_NOT_EXIST;
    }
    if ((s32)length > there) {
        shim_misuse("more bytes of a flash object than it has");
    }
    memcpy(data, object[id].data, length);
    return OK;
}
