// SPDX-License-Identifier: MIT
#include "conf/nearest.h"

#define WORD_MAX 40u

/* Edits (insert, delete, change, swap of neighbours) from `a` to `b`, letters without case. */
static size_t
edit_distance(struct jst_slice a, struct jst_slice b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b.n; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        char ca = jst_lower(a.p[i - 1]);
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char cb = jst_lower(b.p[j - 1]);
            size_t least = JST_MIN(last[j], now[j - 1]) + 1;

            least = JST_MIN(least, last[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == jst_lower(b.p[j - 2]) && jst_lower(a.p[i - 2]) == cb) {
                least = JST_MIN(least, before[j - 2] + 1);
            }
            now[j] = least;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

void
jst_nearest_init(struct jst_nearest *n, struct jst_slice typed)
{
    /* A third of the letters may be wrong, one in short words: more is another word. */
    *n = (struct jst_nearest){typed, NULL, JST_MAX(typed.n / 3, 1) + 1};
}

void
jst_nearest_try(struct jst_nearest *n, const char *word)
{
    struct jst_slice w = jst_slice_z(word);
    size_t distance;

    if (w.n > WORD_MAX || n->typed.n > WORD_MAX || n->typed.n == 0) {
        return;
    }
    distance = edit_distance(n->typed, w);
    if (distance < n->distance) {
        n->distance = distance;
        n->best = word;
    }
}
