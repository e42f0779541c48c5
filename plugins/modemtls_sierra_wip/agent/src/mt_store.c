/* Objects and the TLS configuration in flash, so that a power cut at any moment leaves the old or the new.
 *
 * Each kind and id has two places.  A new object goes to the place that is not in use and is read back; then
 * the directory that points to it is written, itself to the older one of its own two places.  That write is the
 * switch.  A directory is valid if its CRC is; of two valid ones the younger counts.  Nothing is kept in memory
 * from one command to the next, because AT+WOPEN=3 can erase the flash in between.
 *
 * Object: magic, kind and id, length, CRC of the content, generation, zero, CRC of these 24 bytes; content.
 */
#include "mt.h"

#define HANDLE "modemtls"
#define DIRECTORIES 2u
#define PLACES 2u
#define ENTRIES ((u32)MT_KINDS * MT_ID_MOST)
#define OBJECTS ((u16)(DIRECTORIES + ENTRIES * PLACES))
#define DIRECTORY_MAGIC 0x3144544du
#define OBJECT_MAGIC 0x314f544du
#define ENTRY_SIZE 13u
#define DIRECTORY_SIZE (12u + ENTRIES * ENTRY_SIZE + 4u)

typedef struct {
    u8 place; /* 1 or 2; 0 is none */
    u32 length;
    u32 crc;
    u32 generation;
} entry_t;

static struct {
    u32 generation;
    u16 stands_in; /* which of the two places; both are free while generation is 0 */
    mt_tls_t tls;
    entry_t entry[ENTRIES];
} directory;

static u8 image[DIRECTORY_SIZE];
static mt_buffer_t scratch; /* what is being stored, or looked at */

static const mt_error_t NONE = {MT_NO_ERROR, "", 0};

static void put32(u8 *to, u32 value) {
    to[0] = (u8)(value & 255u);
    to[1] = (u8)((value >> 8) & 255u);
    to[2] = (u8)((value >> 16) & 255u);
    to[3] = (u8)(value >> 24);
}

static u32 get32(const u8 *from) {
    return (u32)from[0] | ((u32)from[1] << 8) | ((u32)from[2] << 16) | ((u32)from[3] << 24);
}

static u32 index_of(u8 kind, u8 id) { return (u32)kind * MT_ID_MOST + id - 1u; }

static u16 flash_id(u32 index, u8 place) { return (u16)(DIRECTORIES + index * PLACES + place - 1u); }

static mt_error_t flash_error(s32 result) {
    mt_error_t error = {MT_FLASH_FAILED, mt_flash_name(result), result};
    if (result == ADL_FLH_RET_ERR_MEM_FULL) {
        error.number = MT_FLASH_FULL;
    }
    return error;
}

static void forget(void) {
    directory.generation = 0;
    directory.stands_in = 1;
    directory.tls.verify = MT_VERIFY_NONE;
    for (u32 kind = 0; kind < (u32)MT_KINDS; kind++) {
        directory.tls.id[kind] = 0;
    }
    for (u32 at = 0; at < ENTRIES; at++) {
        directory.entry[at].place = 0;
    }
}

static bool read_image(u16 place) {
    return adl_flhExist(HANDLE, place) == (s32)DIRECTORY_SIZE &&
           adl_flhRead(HANDLE, place, (u16)DIRECTORY_SIZE, image) == OK && get32(image) == DIRECTORY_MAGIC &&
           get32(image + DIRECTORY_SIZE - 4u) == mt_crc(0, image, DIRECTORY_SIZE - 4u);
}

static void take_image(u16 place) {
    directory.generation = get32(image + 4);
    directory.stands_in = place;
    directory.tls.verify = image[8];
    for (u32 kind = 0; kind < (u32)MT_KINDS; kind++) {
        directory.tls.id[kind] = image[9u + kind];
    }
    for (u32 at = 0; at < ENTRIES; at++) {
        const u8 *from = image + 12u + at * ENTRY_SIZE;
        entry_t *entry = &directory.entry[at];
        entry->place = from[0] <= PLACES ? from[0] : (u8)0;
        entry->length = get32(from + 1);
        entry->crc = get32(from + 5);
        entry->generation = get32(from + 9);
    }
}

static void load(void) {
    forget();
    for (u16 place = 0; place < DIRECTORIES; place++) {
        if (read_image(place) && get32(image + 4) > directory.generation) {
            take_image(place);
        }
    }
}

static mt_error_t save(void) {
    u16 place = directory.stands_in == 0u ? (u16)1 : (u16)0;
    s32 result;
    put32(image, DIRECTORY_MAGIC);
    put32(image + 4, directory.generation + 1u);
    image[8] = directory.tls.verify;
    for (u32 kind = 0; kind < (u32)MT_KINDS; kind++) {
        image[9u + kind] = directory.tls.id[kind];
    }
    for (u32 at = 0; at < ENTRIES; at++) {
        u8 *to = image + 12u + at * ENTRY_SIZE;
        to[0] = directory.entry[at].place;
        put32(to + 1, directory.entry[at].length);
        put32(to + 5, directory.entry[at].crc);
        put32(to + 9, directory.entry[at].generation);
    }
    put32(image + DIRECTORY_SIZE - 4u, mt_crc(0, image, DIRECTORY_SIZE - 4u));
    result = adl_flhWrite(HANDLE, place, (u16)DIRECTORY_SIZE, image);
    if (result != OK) {
        return flash_error(result);
    }
    if (!read_image(place) || get32(image + 4) != directory.generation + 1u) {
        return flash_error(OK);
    }
    return NONE;
}

/* Reads an object; true if it is what the directory says, whole. */
static bool read_object(u8 kind, u8 id, mt_buffer_t *into) {
    const entry_t *entry = &directory.entry[index_of(kind, id)];
    u16 where = flash_id(index_of(kind, id), entry->place);
    const u8 *header = into->bytes;
    if (entry->length > MT_OBJECT_MOST || adl_flhExist(HANDLE, where) != (s32)(MT_HEADER_SIZE + entry->length) ||
        adl_flhRead(HANDLE, where, (u16)(MT_HEADER_SIZE + entry->length), into->bytes) != OK) {
        return FALSE;
    }
    return get32(header) == OBJECT_MAGIC && header[4] == kind && header[5] == id &&
           get32(header + 8) == entry->length && get32(header + 12) == entry->crc &&
           get32(header + 16) == entry->generation && get32(header + 24) == mt_crc(0, header, 24u) &&
           mt_crc(0, into->bytes + MT_HEADER_SIZE, entry->length) == entry->crc;
}

static bool subscribe(void) {
    s8 result = adl_flhSubscribe(HANDLE, OBJECTS);
    return result == OK || result == ADL_RET_ERR_ALREADY_SUBSCRIBED;
}

/* Clears away what an interrupted command left in places that no directory points to. */
bool mt_store_begin(void) {
    if (!subscribe()) {
        return FALSE;
    }
    load();
    for (u32 at = 0; at < ENTRIES; at++) {
        for (u8 place = 1; place <= PLACES; place++) {
            if (directory.entry[at].place != place && adl_flhExist(HANDLE, flash_id(at, place)) > 0) {
                (void)adl_flhErase(HANDLE, flash_id(at, place));
            }
        }
    }
    return TRUE;
}

/* Where the content of an object to be stored is put, before mt_store_put. */
u8 *mt_store_space(void) { return scratch.bytes + MT_HEADER_SIZE; }

static void write_header(u8 kind, u8 id, const entry_t *entry) {
    u8 *header = scratch.bytes;
    put32(header, OBJECT_MAGIC);
    header[4] = kind;
    header[5] = id;
    header[6] = 0;
    header[7] = 0;
    put32(header + 8, entry->length);
    put32(header + 12, entry->crc);
    put32(header + 16, entry->generation);
    put32(header + 20, 0);
    put32(header + 24, mt_crc(0, header, 24u));
}

/* Stores what stands in mt_store_space(); what was there before stays until the last step. */
mt_error_t mt_store_put(u8 kind, u8 id, u32 length, u32 crc) {
    u32 index = index_of(kind, id);
    entry_t old;
    entry_t *entry = &directory.entry[index];
    mt_error_t error = NONE;
    s32 result;
    u8 place;
    (void)subscribe(); /* again: AT+WOPEN=3 takes the subscription with it */
    load();
    old = *entry;
    entry->place = old.place == 1u ? (u8)2 : (u8)1;
    entry->length = length;
    entry->crc = crc;
    entry->generation = directory.generation + 1u;
    write_header(kind, id, entry);
    if (adl_flhExist(HANDLE, flash_id(index, entry->place)) > 0) {
        (void)adl_flhErase(HANDLE, flash_id(index, entry->place));
    }
    place = entry->place;
    result = adl_flhWrite(HANDLE, flash_id(index, place), (u16)(MT_HEADER_SIZE + length), scratch.bytes);
    if (result != OK) {
        error = flash_error(result);
    } else if (!read_object(kind, id, &scratch)) {
        error = flash_error(OK);
    } else {
        error = save();
    }
    load(); /* a directory whose writing failed may stand there all the same: what it says counts */
    if (entry->place != place) {
        (void)adl_flhErase(HANDLE, flash_id(index, place));
    } else if (old.place != 0u) {
        (void)adl_flhErase(HANDLE, flash_id(index, old.place));
    }
    return error;
}

/* Whether there is one, whole or not. */
bool mt_store_has(u8 kind, u8 id) {
    load();
    return directory.entry[index_of(kind, id)].place != 0u;
}

mt_object_t mt_store_look(u8 kind, u8 id) {
    mt_object_t object = {FALSE, FALSE, 0, 0};
    load();
    if (directory.entry[index_of(kind, id)].place != 0u) {
        object.exists = TRUE;
        object.length = directory.entry[index_of(kind, id)].length;
        object.crc = directory.entry[index_of(kind, id)].crc;
        object.whole = read_object(kind, id, &scratch);
    }
    return object;
}

mt_error_t mt_store_remove(u8 kind, u8 id) {
    u32 index = index_of(kind, id);
    u8 place;
    mt_error_t error;
    load();
    place = directory.entry[index].place;
    directory.entry[index].place = 0;
    error = save();
    if (error.number == MT_NO_ERROR && place != 0u) {
        (void)adl_flhErase(HANDLE, flash_id(index, place));
    }
    return error;
}

/* The content as a text that ends with a zero byte, in `into`; NULL if there is none or it is not whole. */
const ascii *mt_store_read(u8 kind, u8 id, mt_buffer_t *into) {
    load();
    if (directory.entry[index_of(kind, id)].place == 0u || !read_object(kind, id, into)) {
        return NULL;
    }
    into->bytes[MT_HEADER_SIZE + directory.entry[index_of(kind, id)].length] = 0;
    return (const ascii *)(into->bytes + MT_HEADER_SIZE);
}

mt_tls_t mt_store_tls(void) {
    load();
    return directory.tls;
}

mt_error_t mt_store_set_tls(mt_tls_t tls) {
    (void)subscribe();
    load();
    directory.tls = tls;
    return save();
}
