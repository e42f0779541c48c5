/* CRC-32 of ISO 3309, four bits at a step: a table of 64 bytes, and quick enough for a UART. */
#include "mt.h"

static const u32 NIBBLE[16] = {
    0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
    0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
};

/* Goes on from `crc`, which is 0 at the beginning. */
u32 mt_crc(u32 crc, const u8 *data, u32 length) {
    crc = ~crc;
    for (u32 at = 0; at < length; at++) {
        crc ^= data[at];
        crc = (crc >> 4) ^ NIBBLE[crc & 15u];
        crc = (crc >> 4) ^ NIBBLE[crc & 15u];
    }
    return ~crc;
}
