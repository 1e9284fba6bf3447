// SPDX-License-Identifier: MIT
#include "sys/thread.h"

#include <signal.h>

int
jst_thread_start(pthread_t *out, void *(*run)(void *), void *arg)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(out, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? JOIST_OK : JOIST_E_NOMEM;
}
