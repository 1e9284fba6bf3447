// SPDX-License-Identifier: MIT
/* From a file to what is sent: its contents or descriptor, and its headers, printed once. */
#include "base/str.h"
#include "codec/date.h"
#include "handler/files_int.h"
#include "handler/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Two changes of a file this close together may leave the same times: file systems keep times by
 * clock ticks, some by two seconds. */
#define RACY_US 2000000

/* Room for the block without type and Cache-Control: names, two numbers, a date, a tag. */
#define BLOCK_BYTES 512

/* Files of reproducible archives and images all have one of the first seconds of 1970: such a
 * date tells nothing. */
#define MEANINGLESS_S 1

static void
free_body(struct jst_buf *b)
{
    free(b);
}

struct jst_buf *
jst_body_create(size_t n)
{
    struct jst_buf *b = malloc(sizeof(*b) + n);

    if (b != NULL) {
        *b = (struct jst_buf){
            .refs = 1, .cap = (uint32_t)n, .data = (char *)(b + 1), .free_fn = free_body};
    }
    return b;
}

struct jst_slice
jst_coding_suffix(enum jst_coding coding)
{
    static const struct jst_slice suffixes[] = {{"", 0}, {".gz", 3}, {".br", 3}, {".zst", 4}};

    return suffixes[coding];
}

struct jst_slice
jst_coding_name(enum jst_coding coding)
{
    static const struct jst_slice names[] = {{"identity", 8}, {"gzip", 4}, {"br", 2}, {"zstd", 4}};

    return names[coding];
}

/* ---- headers ---- */

/* One line to the block and one field that points into it. */
static void
print_field(struct jst_variant *v, struct jst_str *block, enum jst_field_id id,
            struct jst_slice name, struct jst_slice value)
{
    struct jst_field *f = &v->fields[v->fields_n++];
    size_t name_at = block->n;

    JST_ASSERT(v->fields_n <= JST_VARIANT_FIELDS_MAX);
    jst_str_add(block, name);
    jst_str_add(block, JST_S(": "));
    *f = (struct jst_field){
        .name = jst_slice(block->p + name_at, name.n),
        .value = jst_slice(block->p + block->n, value.n),
        .id = (uint16_t)id,
    };
    jst_str_add(block, value);
    jst_str_add(block, JST_S("\r\n"));
}

static void
print_known(struct jst_variant *v, struct jst_str *block, enum jst_field_id id,
            struct jst_slice value)
{
    print_field(v, block, id, jst_field_name(id), value);
}

/* Strong: mtime to the nanosecond, size, coding. As nginx does it, but finer. Nothing in it differs
 * between two servers with the same files (inode numbers would). */
static size_t
print_etag(char out[64], const struct jst_variant *v, enum jst_coding coding)
{
    struct jst_str tag = jst_str(out, 64);
    int64_t ns = v->modified_s == INT64_MIN ? v->id.changed_ns : v->id.modified_ns;

    jst_str_add_char(&tag, '"');
    jst_str_add_hex(&tag, (uint64_t)ns);
    jst_str_add_char(&tag, '-');
    jst_str_add_hex(&tag, v->id.size);
    if (coding != JST_CODING_IDENTITY) {
        jst_str_add_char(&tag, '-');
        jst_str_add(&tag, jst_coding_name(coding));
    }
    jst_str_add_char(&tag, '"');
    return tag.n;
}

static void
print_validators(struct jst_variant *v, struct jst_str *block, const struct jst_variant_conf *conf)
{
    char date[JST_DATE_BYTES];
    char tag[64];
    size_t tag_n = print_etag(tag, v, conf->coding);

    print_known(v, block, JST_FIELD_ACCEPT_RANGES, JST_S("bytes"));
    if (v->modified_s != INT64_MIN) {
        jst_date_print(date, v->modified_s);
        print_known(v, block, JST_FIELD_LAST_MODIFIED, jst_slice(date, sizeof(date)));
    }
    v->block_304 = block->n;
    v->fields_304 = v->fields_n;
    print_known(v, block, JST_FIELD_ETAG, jst_slice(tag, tag_n));
    v->etag = v->fields[v->fields_n - 1].value;
}

static void
print_block(struct jst_variant *v, struct jst_str *block, const struct jst_variant_conf *conf)
{
    jst_str_add(block, JST_S("Content-Length: "));
    jst_str_add_u64(block, v->id.size);
    jst_str_add(block, JST_S("\r\n"));
    print_known(v, block, JST_FIELD_CONTENT_TYPE, conf->type);
    if (conf->coding != JST_CODING_IDENTITY) {
        print_known(v, block, JST_FIELD_CONTENT_ENCODING, jst_coding_name(conf->coding));
    }
    if (conf->is_listing) {
        /* The page needs its own style and nothing else, whatever a file is called. */
        print_field(v, block, JST_FIELD_OTHER, JST_S("Content-Security-Policy"),
                    JST_S("default-src 'none'; style-src 'unsafe-inline'; img-src data:"));
    } else {
        print_validators(v, block, conf);
    }
    if (conf->vary) {
        print_known(v, block, JST_FIELD_VARY, JST_S("Accept-Encoding"));
    }
    if (conf->cache_control.n > 0) {
        print_known(v, block, JST_FIELD_CACHE_CONTROL, conf->cache_control);
    }
}

struct jst_variant *
jst_variant_create(const struct jst_file_id *id, const struct jst_variant_conf *conf,
                   int64_t now_us)
{
    size_t cap = BLOCK_BYTES + conf->type.n + conf->cache_control.n;
    struct jst_variant *v = calloc(1, sizeof(*v) + cap);
    struct jst_str block;

    if (v == NULL) {
        return NULL;
    }
    v->id = *id;
    v->type = conf->type;
    /* RFC 9110 8.8.2.1: a date in the future is not sent; the time of the message stands for it. */
    v->modified_s = JST_MIN(id->modified_ns / 1000000000, now_us / 1000000);
    if (v->modified_s <= MEANINGLESS_S) {
        v->modified_s = INT64_MIN;
    }
    v->racy = now_us - id->changed_ns / 1000 < RACY_US;
    block = jst_str(v->text, cap);
    print_block(v, &block, conf);
    JST_ASSERT(!block.full);
    v->block = jst_str_slice(&block);
    v->bytes = sizeof(*v) + cap;
    return v;
}

void
jst_variant_destroy(struct jst_variant **take)
{
    struct jst_variant *v = *take;

    *take = NULL;
    if (v != NULL) {
        jst_buf_unref(v->body);
        jst_file_unref(v->file);
        free(v);
    }
}

/* ---- contents ---- */

/* Up to `n` bytes from the start of the file; fewer if it has shrunk. */
static int
read_body(struct jst_buf *b, int fd, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, b->data + done, n - done, (off_t)done);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return JOIST_E_IO;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (int)done;
}

/* Read a small file. `*id` becomes what was read: should the file change meanwhile, then with a
 * size that is true and `changed_ns` of no time, so that it is read again soon. */
static int
read_small(struct jst_buf **out, int fd, struct jst_file_id *id)
{
    struct jst_buf *b = jst_body_create(id->size);
    struct jst_file_id after;
    struct stat st;
    int rc;

    if (b == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = read_body(b, fd, id->size);
    if (rc < 0 || fstat(fd, &st) < 0) {
        jst_buf_unref(b);
        return JOIST_E_IO;
    }
    after = jst_file_id(&st);
    if (!jst_file_id_eq(&after, id) || (uint64_t)rc != id->size) {
        id->size = (uint64_t)rc;
        id->changed_ns = INT64_MAX;
    }
    *out = b;
    return JOIST_OK;
}

/* Give the open file to the variant: its contents, or the descriptor itself. */
static int
fill_variant(struct jst_variant *v, struct jst_buf **body, int *fd)
{
    v->body = *body;
    *body = NULL;
    if (v->body != NULL) {
        v->bytes += sizeof(*v->body) + v->body->cap;
    } else if (v->id.size > 0) {
        v->file = jst_file_create(*fd);
        if (v->file == NULL) {
            return JOIST_E_NOMEM;
        }
        *fd = -1;
    }
    return JOIST_OK;
}

static int
load_open(struct jst_variant **out, struct jst_files *f, const struct jst_variant_conf *conf,
          int *fd, const struct stat *st)
{
    struct jst_file_id id = jst_file_id(st);
    struct jst_buf *body = NULL;
    struct jst_variant *v;
    int rc = JOIST_OK;

    if (id.size > 0 && id.size <= JST_FILES_SMALL_BYTES) {
        rc = read_small(&body, *fd, &id);
        if (rc < 0) {
            return rc;
        }
    }
    v = jst_variant_create(&id, conf, jst_loop_wall_us(f->local->loop));
    rc = v != NULL ? fill_variant(v, &body, fd) : JOIST_E_NOMEM;
    if (rc < 0) {
        jst_buf_unref(body);
        jst_variant_destroy(&v);
        return rc;
    }
    *out = v;
    return JOIST_OK;
}

/* Open a file of the entry for reading. */
static int
open_coded(int *fd, struct stat *st, int root, struct jst_slice file, enum jst_coding coding)
{
    char name[PATH_MAX];
    struct jst_str path = jst_str(name, sizeof(name) - 1);
    int rc;

    jst_str_add(&path, file);
    jst_str_add(&path, jst_coding_suffix(coding));
    if (path.full) {
        return JOIST_E_NOTFOUND;
    }
    name[path.n] = '\0';
    rc = jst_files_open(fd, st, root, name, O_RDONLY);
    if (rc < 0) {
        return rc;
    }
    if (!S_ISREG(st->st_mode)) {
        close(*fd); /* it was a file when we looked */
        return JOIST_E_NOTFOUND;
    }
    return JOIST_OK;
}

int
jst_variant_load(struct jst_variant **out, struct jst_files *f, const struct jst_site *site,
                 const struct jst_entry *e, enum jst_coding coding)
{
    struct jst_slice file = jst_slice(e->text + e->key_n + e->path_n, e->file_n);
    struct jst_variant_conf conf = {
        .type = jst_mime_type(file),
        .cache_control = e->is_page ? JST_SLICE_NONE : site->cache_control,
        .coding = coding,
        .vary = (e->there & ~(1u << JST_CODING_IDENTITY)) != 0,
    };
    struct stat st;
    int root;
    int fd;
    int rc = jst_root_get(&root, f, site->root);

    if (rc < 0) {
        return rc;
    }
    rc = open_coded(&fd, &st, root, file, coding);
    if (rc == JOIST_E_NOFILE) {
        jst_files_clear(f);
        rc = open_coded(&fd, &st, root, file, coding);
    }
    if (rc < 0) {
        return rc;
    }
    rc = load_open(out, f, &conf, &fd, &st);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}
