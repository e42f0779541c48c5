/* Texts of bounded length.  A line of the protocol always fits; if one ever did not, it would be cut, not spill. */
#include "mt.h"

u32 mt_length(const ascii *text, u32 most) {
    u32 length = 0;
    while (length < most && text[length] != '\0') {
        length++;
    }
    return length;
}

bool mt_same(const ascii *one, const ascii *other) {
    u32 at = 0;
    while (one[at] != '\0' && one[at] == other[at]) {
        at++;
    }
    return one[at] == other[at];
}

/* Copies a text that fits into `size` bytes with its zero; else false, and `to` is empty. */
bool mt_copy(ascii *to, u32 size, const ascii *from) {
    u32 at = 0;
    while (at < size && from[at] != '\0') {
        to[at] = from[at];
        at++;
    }
    if (at == size) {
        to[0] = '\0';
        return FALSE;
    }
    to[at] = '\0';
    return TRUE;
}

/* Where `part` stands in `text`, or NULL. */
const ascii *mt_find(const ascii *text, const ascii *part) {
    for (; *text != '\0'; text++) {
        u32 at = 0;
        while (part[at] != '\0' && text[at] == part[at]) {
            at++;
        }
        if (part[at] == '\0') {
            return text;
        }
    }
    return NULL;
}

static void add_character(mt_text_t *text, ascii character) {
    if (text->length < MT_TEXT_MOST) {
        text->data[text->length++] = character;
        text->data[text->length] = '\0';
    }
}

void mt_text_begin(mt_text_t *text, const ascii *start) {
    text->length = 0;
    text->data[0] = '\0';
    mt_text_add(text, start);
}

void mt_text_add(mt_text_t *text, const ascii *more) {
    for (; *more != '\0'; more++) {
        add_character(text, *more);
    }
}

void mt_text_add_quoted(mt_text_t *text, const ascii *more) {
    mt_text_add(text, "\"");
    mt_text_add(text, more);
    mt_text_add(text, "\"");
}

void mt_text_add_number(mt_text_t *text, u32 value) {
    ascii digits[10];
    u32 count = 0;
    do {
        digits[count++] = (ascii)('0' + (int)(value % 10u));
        value /= 10u;
    } while (value != 0u);
    while (count > 0u) {
        add_character(text, digits[--count]);
    }
}

void mt_text_add_signed(mt_text_t *text, s32 value) {
    if (value < 0) {
        add_character(text, '-');
        mt_text_add_number(text, 0u - (u32)value);
    } else {
        mt_text_add_number(text, (u32)value);
    }
}

void mt_text_add_crc(mt_text_t *text, u32 value) {
    for (int shift = 28; shift >= 0; shift -= 4) {
        add_character(text, "0123456789abcdef"[(value >> shift) & 15u]);
    }
}
