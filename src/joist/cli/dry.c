// SPDX-License-Identifier: MIT
/* --dry: what WHAT means, as a configuration file to keep. */
#include "cli/plan.h"

#include <stdio.h>

/* A TOML basic string: quotes, backslashes and control characters are escaped. */
static void
print_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            (void)fprintf(out, "\\%c", *p);
        } else if (*p == '\n') {
            (void)fputs("\\n", out);
        } else if (*p < 0x20 || *p == 0x7f) {
            (void)fprintf(out, "\\u%04x", *p);
        } else if (p[0] == '$' && p[1] == '{') {
            (void)fputs("$$", out); /* not the beginning of a variable */
        } else {
            (void)fputc(*p, out);
        }
    }
    (void)fputc('"', out);
}

static void
print_key(FILE *out, const char *key, const char *value)
{
    (void)fprintf(out, "%s = ", key);
    print_text(out, value);
    (void)fputc('\n', out);
}

static void
print_listener(const struct jst_plan *p, const struct joist_listener_conf *l, FILE *out)
{
    (void)fprintf(out, "[[listeners]]\n");
    print_key(out, "bind", l->bind);
    if (l->tls != NULL) {
        (void)fprintf(out, "[listeners.tls]\n");
        print_key(out, "cert", p->cert.cert);
        if (p->cert.key != NULL) {
            print_key(out, "key", p->cert.key);
        }
    } else if (l->https_port > 0) {
        (void)fprintf(out, "redirect_https = %u\n", l->https_port);
    }
    (void)fputc('\n', out);
}

static void
print_site(const struct jst_plan *p, FILE *out)
{
    const struct jst_what *w = p->what;

    (void)fprintf(out, "[[sites]]\n");
    if (p->route.hosts_n > 0) {
        (void)fprintf(out, "hosts = [");
        for (size_t i = 0; i < p->route.hosts_n; i++) {
            (void)fputs(i > 0 ? ", " : "", out);
            print_text(out, p->route.hosts[i]);
        }
        (void)fprintf(out, "]\n");
    }
    if (w->kind == JST_WHAT_ORIGIN) {
        print_key(out, "proxy", w->url);
    } else if (w->kind == JST_WHAT_FOLDER) {
        print_key(out, "root", w->subject);
    } else {
        print_key(out, "respond", "Joist is running: name a folder or an origin here.\n");
    }
    (void)fputs(w->spa ? "spa = true\n" : "", out);
    (void)fputs(w->listing ? "listing = true\n" : "", out);
    if (p->route.hsts_s > 0) {
        (void)fprintf(out, "hsts = \"%ud\"\n", (unsigned)(p->route.hsts_s / (24 * 3600)));
    }
}

void
jst_plan_print(const struct jst_plan *p, FILE *out)
{
    for (size_t i = 0; i < p->conf.listeners_n; i++) {
        print_listener(p, &p->conf.listeners[i], out);
    }
    print_site(p, out);
}
