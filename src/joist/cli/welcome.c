// SPDX-License-Identifier: MIT
/* The page for who named nothing to serve. It loads nothing, from here or elsewhere. */
#include "cli/plan.h"

#define COMMAND(line, text) "<li><code>" line "</code><span>" text "</span></li>"

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Joist is running</title>\n"
    "<style>\n"
    ":root { --ground: #f6f4ef; --sheet: #fffefb; --ink: #23211d; --soft: #6b665c;\n"
    "  --line: #e3ded3; --beam: #b4642a; --code: #f1ece1 }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --ground: #171614; --sheet: #201e1b; --ink: #ece8df; --soft: #a39c8f;\n"
    "    --line: #35322c; --beam: #e0955a; --code: #2b2823 }\n"
    "}\n"
    "* { box-sizing: border-box }\n"
    "body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1rem;\n"
    "  background: var(--ground); color: var(--ink);\n"
    "  font: 16px/1.6 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }\n"
    "main { width: min(40rem, 100%); background: var(--sheet); border: 1px solid var(--line);\n"
    "  border-radius: 14px; padding: clamp(1.5rem, 5vw, 3rem) }\n"
    "svg { display: block; width: 64px; height: 40px; margin-bottom: 1.25rem; color: var(--beam) "
    "}\n"
    "h1 { margin: 0 0 .5rem; font-size: clamp(1.6rem, 5vw, 2.1rem); line-height: 1.2;\n"
    "  letter-spacing: -.02em }\n"
    "p { margin: 0 0 1.5rem; color: var(--soft) }\n"
    "h2 { margin: 2rem 0 .75rem; font-size: .8rem; letter-spacing: .08em;\n"
    "  text-transform: uppercase; color: var(--soft) }\n"
    "ul { list-style: none; margin: 0; padding: 0 }\n"
    "li { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline;\n"
    "  padding: .6rem 0; border-top: 1px solid var(--line) }\n"
    "li code { flex: 0 0 16rem }\n"
    "li span { flex: 1 1 12rem; color: var(--soft) }\n"
    "code, pre { font: .9rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }\n"
    "pre { margin: 0; padding: 1rem 1.1rem; border-radius: 9px; background: var(--code);\n"
    "  overflow-x: auto }\n"
    "footer { margin-top: 2rem; font-size: .85rem; color: var(--soft) }\n"
    "</style>\n"
    "</head>\n"
    "<body>\n"
    "<main>\n"
    "<svg viewBox=\"0 0 64 40\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"5\" "
    "aria-hidden=\"true\"><path d=\"M2 5h60M2 35h60\"/><path stroke-width=\"3\" "
    "d=\"M6 34 18 6l14 28L46 6l12 28\"/></svg>\n"
    "<h1>Joist is running</h1>\n"
    "<p>Nothing was named to serve yet, so it serves this page. Stop it with Ctrl-C and say what "
    "it "
    "shall serve:</p>\n"
    "<ul>\n" COMMAND("joist ./public", "the files of a folder") COMMAND(
        "joist :3000",
        "what runs on port 3000 of this machine") COMMAND("joist ./public example.com",
                                                          "for a name, and for other machines")
        COMMAND("joist ./public http:8080", "over plain HTTP") COMMAND(
            "joist --help",
            "all there is") "\n</ul>\n"
                            "<h2>Or write it down</h2>\n"
                            "<pre># joist.toml\n"
                            "[[listeners]]\n"
                            "bind = \"127.0.0.1:8080\"\n"
                            "\n"
                            "[[sites]]\n"
                            "root = \"public\"\n"
                            "\n"
                            "[[sites.routes]]\n"
                            "path = \"/api\"\n"
                            "proxy = \"http://127.0.0.1:3000\"</pre>\n"
                            "<footer>Joist " JOIST_VERSION
                            ". <code>joist</code> finds a <code>joist.toml</code> in the folder "
                            "that it is started in.</footer>\n"
                            "</main>\n"
                            "</body>\n"
                            "</html>\n";

const char *
jst_welcome_page(void)
{
    return page;
}
