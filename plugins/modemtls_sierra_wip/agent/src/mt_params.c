/* Parameters as the firmware hands them over: without quotes, spaces and semicolons; NULL where there is none. */
#include "mt.h"

#define DIGITS_MOST 9u

bool mt_is_empty(const ascii *text) { return text == NULL || text[0] == '\0'; }

/* One to nine decimal digits that stand for a number from `least` to `most`. */
bool mt_number(const ascii *text, u32 least, u32 most, u32 *value) {
    u32 number = 0;
    u32 at = 0;
    if (mt_is_empty(text)) {
        return FALSE;
    }
    for (; text[at] != '\0'; at++) {
        if (at == DIGITS_MOST || text[at] < '0' || text[at] > '9') {
            return FALSE;
        }
        number = number * 10u + (u32)(text[at] - '0');
    }
    if (number < least || number > most) {
        return FALSE;
    }
    *value = number;
    return TRUE;
}

static int hex_digit(ascii character) {
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    if (character >= 'A' && character <= 'F') {
        return character - 'A' + 10;
    }
    return -1;
}

/* Exactly eight hexadecimal digits. */
bool mt_hex32(const ascii *text, u32 *value) {
    u32 number = 0;
    if (mt_is_empty(text)) {
        return FALSE;
    }
    for (u32 at = 0; at < 8u; at++) {
        int digit = hex_digit(text[at]);
        if (digit < 0) {
            return FALSE;
        }
        number = (number << 4) | (u32)digit;
    }
    if (text[8] != '\0') {
        return FALSE;
    }
    *value = number;
    return TRUE;
}

/* Up to `most` bytes as hexadecimal digits, two each; `to` has room for one more.  A zero byte ends a text of the
 * library, so none is taken. */
bool mt_hex_text(const ascii *text, ascii *to, u32 most) {
    u32 count = 0;
    to[0] = '\0';
    if (mt_is_empty(text)) {
        return TRUE;
    }
    while (text[2u * count] != '\0') {
        int high = hex_digit(text[2u * count]);
        int low = high < 0 ? -1 : hex_digit(text[2u * count + 1u]);
        if (count == most || low < 0 || (high == 0 && low == 0)) {
            to[0] = '\0';
            return FALSE;
        }
        to[count++] = (ascii)(high * 16 + low);
    }
    to[count] = '\0';
    return TRUE;
}

/* The place of a word in a list that ends with NULL. */
bool mt_word(const ascii *text, const ascii *const *words, u8 *index) {
    if (mt_is_empty(text)) {
        return FALSE;
    }
    for (u8 at = 0; words[at] != NULL; at++) {
        if (mt_same(text, words[at])) {
            *index = at;
            return TRUE;
        }
    }
    return FALSE;
}
