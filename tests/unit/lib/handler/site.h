// SPDX-License-Identifier: MIT
#pragma once
/*
 * A static site in a temporary folder, a reactor with a clock of its own, and requests to it whose
 * responses are collected as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "handler/files_int.h"
#include "handler/static.h"

#define REPLY_BYTES (1024 * 1024)

struct site {
    char root[64];
    struct jst_loop *loop;
    struct jst_local local;
    struct jst_log log;
    struct jst_handler *handler;
    uint64_t now_ms;              /* the clock; the wall clock is the system's plus this */
    unsigned events[JST_EVENTS_]; /* how often each was logged */
    struct jst_stream stream;
    /* the last reply */
    struct jst_sink response;
    uint16_t status;
    uint64_t length;
    char *head;  /* "Name: value\n" each, as `fields` had it */
    char *block; /* "Name: value\n" each, as `block` had it; "" if there was none */
    char *body;
    size_t body_n;
    unsigned heads;
    unsigned ends;
    unsigned aborts;
    bool may_abort; /* memory is short */
};

/* A folder with nothing in it, and a site with `conf` (its root is filled in); memory is the test's
 * state. site_end() is a teardown for cmocka. */
struct site *site_begin(void **state, struct joist_static_conf conf);
int site_end(void **state);

#define SITE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, site_end)

/* Another configuration for the same folder and cache. */
void site_swap(struct site *t, struct joist_static_conf conf);

/* Below the root; folders are made on the way. Times are set an hour back. */
void site_put(struct site *t, const char *name, const char *text);
void site_put_bytes(struct site *t, const char *name, const char *bytes, size_t n);
void site_age(struct site *t, const char *name, int64_t modified_s);
char *site_path(const struct site *t, const char *name); /* static storage, for one call */

/* `fields`: "Name: value\n" each, or NULL. Returns the status. */
uint16_t site_ask(struct site *t, const char *method, const char *path, const char *fields);
uint16_t site_get(struct site *t, const char *path);

/* A field's value in the last reply, or NULL. The string lives until the next request. */
const char *site_field(const struct site *t, const char *name);
void site_expect_body(const struct site *t, const char *text);

/* Let the clock go on, and run what is due. */
void site_wait(struct site *t, uint64_t ms);
