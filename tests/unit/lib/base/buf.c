// SPDX-License-Identifier: MIT
/*
 * Buffers and chains: single cases, and random operations against a plain string.
 */
#include "base/buf.h"

#include "base/rand.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void
assert_holds(const struct jst_chain *c, const char *text, size_t n)
{
    size_t at = 0;

    assert_int_equal(c->bytes, n);
    assert_true((c->first == NULL) == (n == 0));
    for (const struct jst_seg *s = c->first; s != NULL; s = s->next) {
        assert_true(s->n > 0);
        assert_true(at + s->n <= n);
        assert_memory_equal(s->p, text + at, s->n);
        at += s->n;
        assert_true((s->next == NULL) == (s == c->last));
    }
    assert_int_equal(at, n);
}

static void
test_sizes(void **state)
{
    static const size_t sizes[] = {
        0, 1, JST_BUF_SMALL, JST_BUF_SMALL + 1, JST_BUF_PAGE + 1, JST_BUF_READ, JST_BUF_READ + 1};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(sizes); i++) {
        struct jst_buf *b = jst_buf_take(sizes[i]);

        assert_non_null(b);
        assert_true(b->cap >= sizes[i]);
        memset(b->data, 1, b->cap);
        assert_ptr_equal(jst_buf_ref(b), b);
        jst_buf_unref(b);
        assert_int_equal(b->refs, 1);
        jst_buf_unref(b);
    }
    jst_buf_unref(NULL);
    assert_null(jst_buf_take((size_t)UINT32_MAX + 1));
    jst_buf_thread_fini();
}

static unsigned freed;

static void
free_own(struct jst_buf *b)
{
    freed++;
    free(b);
}

static void
test_own_memory(void **state)
{
    static char text[] = "own";
    struct jst_buf *b = malloc(sizeof(*b));
    struct jst_chain c = {0};

    (void)state;
    *b = (struct jst_buf){.refs = 1, .cap = 4, .data = text, .free_fn = free_own};
    assert_int_equal(jst_chain_add(&c, b, text, 3), 0);
    jst_buf_unref(b);
    assert_int_equal(jst_chain_add_copy(&c, "!", 1), 0); /* never written behind: it is not ours */
    assert_string_equal(text, "own");
    assert_holds(&c, "own!", 4);
    assert_int_equal(freed, 0);
    jst_chain_drop(&c, 3);
    assert_int_equal(freed, 1);
    jst_chain_clear(&c);
}

static void
test_pieces_that_touch_are_one(void **state)
{
    struct jst_buf *b = jst_buf_take(100);
    struct jst_chain c = {0};

    (void)state;
    memcpy(b->data, "0123456789", 10);
    assert_int_equal(jst_chain_add(&c, b, b->data, 4), 0);
    assert_int_equal(jst_chain_add(&c, b, b->data + 4, 2), 0);
    assert_ptr_equal(c.first, c.last);
    assert_int_equal(jst_chain_add(&c, b, b->data + 8, 2), 0); /* a gap */
    assert_ptr_not_equal(c.first, c.last);
    assert_int_equal(jst_chain_add(&c, b, b->data, 0), 0);
    assert_holds(&c, "01234589", 8);
    assert_int_equal(b->refs, 3);
    jst_chain_clear(&c);
    assert_int_equal(b->refs, 1);
    jst_buf_unref(b);
}

static void
test_reserve_and_commit(void **state)
{
    struct jst_chain c = {0};
    char *first;
    char *p;

    (void)state;
    assert_non_null(first = jst_chain_reserve(&c, 100));
    memcpy(first, "abc", 3);
    jst_chain_commit(&c, 3);
    assert_non_null(p = jst_chain_reserve(&c, 100));
    assert_ptr_equal(p, first + 3); /* the same memory goes on */
    jst_chain_commit(&c, 0);
    assert_holds(&c, "abc", 3);
    assert_non_null(jst_chain_reserve(&c, JST_BUF_PAGE));
    jst_chain_commit(&c, 0); /* taken back: no empty piece stays */
    assert_holds(&c, "abc", 3);
    jst_chain_clear(&c);
    assert_non_null(jst_chain_reserve(&c, 1));
    jst_chain_commit(&c, 0);
    assert_true(jst_chain_is_empty(&c));
}

static void
test_shared_tail_is_not_written(void **state)
{
    struct jst_chain a = {0};
    struct jst_chain b = {0};

    (void)state;
    assert_int_equal(jst_chain_add_copy(&a, "abcdef", 6), 0);
    assert_int_equal(jst_chain_cut(&b, &a, 3), 0); /* both point into one buffer now */
    assert_int_equal(jst_chain_add_copy(&b, "XYZ", 3), 0);
    assert_holds(&a, "def", 3);
    assert_holds(&b, "abcXYZ", 6);
    jst_chain_clear(&a);
    jst_chain_clear(&b);
}

static void
test_append_copies_the_small(void **state)
{
    struct jst_buf *read = jst_buf_take(JST_BUF_READ);
    struct jst_chain out = {0};
    struct jst_chain data = {0};

    (void)state;
    memset(read->data, 'r', JST_BUF_READ);
    assert_int_equal(jst_chain_add_copy(&out, "head", 4), 0);
    assert_int_equal(jst_chain_add(&data, read, read->data, 10), 0);
    assert_int_equal(jst_chain_append(&out, &data), 0);
    assert_int_equal(read->refs, 1); /* copied */
    assert_true(jst_chain_is_empty(&data));
    assert_holds(&out, "headrrrrrrrrrr", 14);
    assert_int_equal(jst_chain_add(&data, read, read->data, JST_BUF_READ), 0);
    assert_int_equal(jst_chain_append(&out, &data), 0);
    assert_int_equal(read->refs, 2); /* moved */
    assert_int_equal(out.bytes, 14 + JST_BUF_READ);
    jst_chain_clear(&out);
    jst_buf_unref(read);
}

static void
test_compact_frees_big_buffers(void **state)
{
    struct jst_buf *read = jst_buf_take(JST_BUF_READ);
    struct jst_chain c = {0};

    (void)state;
    memset(read->data, 'r', JST_BUF_READ);
    assert_int_equal(jst_chain_add(&c, read, read->data + 7, 3), 0);
    assert_int_equal(jst_chain_add_static(&c, "static", 6), 0);
    jst_chain_compact(&c);
    assert_int_equal(read->refs, 1);
    assert_holds(&c, "rrrstatic", 9);
    jst_chain_clear(&c);
    assert_int_equal(jst_chain_add(&c, read, read->data, JST_BUF_READ), 0);
    jst_chain_compact(&c); /* full: nothing would be won */
    assert_int_equal(read->refs, 2);
    jst_chain_clear(&c);
    jst_buf_unref(read);
}

/* Each with a buffer of its own, a thousand bytes would hold megabytes. */
static void
test_compact_puts_small_pieces_together(void **state)
{
    struct jst_buf *read = jst_buf_take(JST_BUF_READ);
    struct jst_chain c = {0};
    char want[1000];
    size_t pieces = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(want); i++) {
        read->data[2 * i] = want[i] = (char)('a' + i % 26);
        assert_int_equal(jst_chain_add(&c, read, read->data + 2 * i, 1), 0);
        if (i % 3 == 0) {
            jst_chain_compact(&c);
        }
    }
    jst_chain_compact(&c);
    assert_int_equal(read->refs, 1);
    assert_holds(&c, want, sizeof(want));
    for (const struct jst_seg *s = c.first; s != NULL; s = s->next) {
        pieces++;
    }
    assert_int_equal(pieces, 1);
    assert_int_equal(jst_chain_add_copy(&c, "z", 1), 0); /* the last piece is the chain's last */
    assert_ptr_equal(c.first, c.last);
    jst_chain_clear(&c);
    jst_buf_unref(read);
}

static void
test_files(void **state)
{
    int fd = open("/dev/null", O_RDONLY);
    struct jst_file *f = jst_file_create(fd);
    struct jst_chain a = {0};
    struct jst_chain b = {0};
    char peek[8];

    (void)state;
    assert_int_equal(jst_chain_add_static(&a, "ab", 2), 0);
    assert_int_equal(jst_chain_add_file(&a, f, 100, 50), 0);
    assert_int_equal(jst_chain_add_file(&a, f, 0, 0), 0);
    assert_int_equal(jst_chain_peek(&a, peek, sizeof(peek)), 2);
    jst_file_unref(f);
    assert_int_equal(jst_chain_cut(&b, &a, 12), 0);
    assert_int_equal(b.last->off, 100);
    assert_int_equal(b.last->n, 10);
    assert_int_equal(a.first->off, 110);
    assert_int_equal(a.first->n, 40);
    jst_chain_drop(&a, 5);
    assert_int_equal(a.first->off, 115);
    assert_int_equal(a.bytes, 35);
    jst_chain_clear(&a);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    jst_chain_clear(&b);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* the last one closes it */
}

/* ---- a model ---- */

#define MODELS    4
#define MODEL_MAX 200000

struct model {
    struct jst_chain c;
    char *text;
    size_t n;
};

static size_t
below(struct jst_rand *r, size_t n)
{
    return (size_t)(jst_rand_next(r) % n);
}

static void
add_random(struct model *m, struct jst_rand *r, char fill)
{
    static const size_t sizes[] = {1, 10, 300, 5000, 20000};
    static const char text[] = "some static text";
    size_t n = 1 + below(r, sizes[below(r, JST_COUNT(sizes))]);
    struct jst_buf *b;

    if (m->n + n > MODEL_MAX) {
        return;
    }
    switch (below(r, 3)) {
    case 0:
        n = 1 + below(r, sizeof(text) - 1);
        assert_int_equal(jst_chain_add_static(&m->c, text, n), 0);
        memcpy(m->text + m->n, text, n);
        break;
    case 1:
        memset(m->text + m->n, fill, n);
        assert_int_equal(jst_chain_add_copy(&m->c, m->text + m->n, n), 0);
        break;
    default:
        assert_non_null(b = jst_buf_take(below(r, 2) ? JST_BUF_READ : n));
        memset(b->data, fill, n);
        memset(m->text + m->n, fill, n);
        assert_int_equal(jst_chain_add(&m->c, b, b->data, n), 0);
        jst_buf_unref(b);
        break;
    }
    m->n += n;
}

static void
move_random(struct model *from, struct model *to, struct jst_rand *r)
{
    size_t n = below(r, 3) == 0 ? from->n : below(r, from->n + 1);

    if (from == to || to->n + n > MODEL_MAX) {
        return;
    }
    if (n == from->n && below(r, 2)) {
        if (below(r, 2)) {
            jst_chain_join(&to->c, &from->c);
        } else {
            assert_int_equal(jst_chain_append(&to->c, &from->c), 0);
        }
    } else {
        assert_int_equal(jst_chain_cut(&to->c, &from->c, n), 0);
    }
    memcpy(to->text + to->n, from->text, n);
    to->n += n;
    from->n -= n;
    memmove(from->text, from->text + n, from->n);
}

static void
test_random_operations(void **state)
{
    struct model m[MODELS] = {0};
    struct jst_rand r;
    const char *env = getenv("SEED");
    uint8_t seed[32] = {0};

    (void)state;
    seed[1] = env != NULL ? (uint8_t)strtoul(env, NULL, 10) : 7;
    jst_rand_init(&r, seed);
    for (size_t i = 0; i < MODELS; i++) {
        m[i].text = malloc(MODEL_MAX);
    }
    for (unsigned step = 0; step < 20000; step++) {
        struct model *a = &m[below(&r, MODELS)];
        struct model *b = &m[below(&r, MODELS)];
        size_t n;

        switch (below(&r, 8)) {
        case 0:
            n = below(&r, a->n + 1);
            jst_chain_drop(&a->c, n);
            a->n -= n;
            memmove(a->text, a->text + n, a->n);
            break;
        case 1:
            jst_chain_compact(&a->c);
            break;
        case 2:
        case 3:
        case 4:
            move_random(a, b, &r);
            break;
        default:
            add_random(a, &r, (char)('a' + step % 26));
            break;
        }
        assert_holds(&a->c, a->text, a->n);
        assert_holds(&b->c, b->text, b->n);
    }
    for (size_t i = 0; i < MODELS; i++) {
        jst_chain_clear(&m[i].c);
        free(m[i].text);
    }
    jst_buf_thread_fini();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_own_memory),
        cmocka_unit_test(test_pieces_that_touch_are_one),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_shared_tail_is_not_written),
        cmocka_unit_test(test_append_copies_the_small),
        cmocka_unit_test(test_compact_frees_big_buffers),
        cmocka_unit_test(test_compact_puts_small_pieces_together),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_random_operations),
    };

    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
