// SPDX-License-Identifier: MIT
#include "wire/readbuf.h"

/* Debug builds give a fresh one each time, so that a sanitizer sees bytes used too late. */
#ifdef JST_DEBUG
#define MAY_REUSE 0
#else
#define MAY_REUSE 1
#endif

static _Thread_local struct jst_buf *current;

struct jst_buf *
jst_readbuf_get(void)
{
    if (JST_LIKELY(MAY_REUSE && current != NULL && current->refs == 1)) {
        return current;
    }
    jst_buf_unref(current);
    current = jst_buf_take(JST_BUF_READ);
    return current;
}

void
jst_readbuf_thread_fini(void)
{
    jst_buf_unref(current);
    current = NULL;
}
