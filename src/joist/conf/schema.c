// SPDX-License-Identifier: MIT
#include "conf/schema.h"

#include "base/tls_groups.h"
#include "conf/schema_keys.h"

static const struct jst_block blocks[JST_BLOCKS_N];

static const struct jst_key server_keys[] = {
    KEY(jst_part_server, threads, JST_KEY_UINT, .fallback = "auto", .min = 1, .max = 256,
        WORDS("auto"), .example = "4",
        .doc = "Threads that serve connections; \"auto\": one for each CPU the process may use"),
    KEY_AS("drain", jst_part_server, drain_ms, JST_KEY_DURATION, .fallback = "30s",
           .doc = "How long requests under way may take after SIGTERM before they are cut"),
    KEY(jst_part_server, tunnels, JST_KEY_WORD, .fallback = "keep", WORDS("keep", "cut"),
        .doc = "What becomes of WebSockets and other tunnels while draining: they may stay until "
               "`drain` is over, or are cut at once"),
    KEY(jst_part_server, trusted_proxies, JST_KEY_TEXTS, .check = jst_check_cidr,
        .example = "[\"10.0.0.0/8\"]",
        .doc = "Networks of proxies in front of this one: only their X-Forwarded-* and "
               "X-Request-Id are believed"),
    KEY(jst_part_server, server_header, JST_KEY_TEXT, .fallback = "joist",
        .check = jst_check_field_value, .example = "\"joist\"",
        .doc = "Value of the Server header; \"\" sends none"),
    KEY(jst_part_server, via, JST_KEY_BOOL, .fallback = "true",
        .doc = "Add Via to what is forwarded (RFC 9110 7.6.3)"),
    KEY(jst_part_server, debug, JST_KEY_BOOL, .fallback = "false",
        .doc = "Answers of joist's own say why in X-Joist-Error; for development, as it tells "
               "clients about origins"),
    LATER("user", "process privileges"),
    LATER("group", "process privileges"),
    LATER("state_dir", "the state store"),
};

/* The first one holds for a route too, the others count before a route is chosen: the order matters
 * to the block "route-limits". */
static const struct jst_key limits_keys[] = {
    KEY_AS("body_bytes", jst_part_limits, v.body_bytes, JST_KEY_SIZE, .fallback = "1GiB",
           .doc = "Longest request body (else 413); 0: no limit"),
    KEY_AS("header_bytes", jst_part_limits, v.header_bytes, JST_KEY_SIZE, .fallback = "64KiB",
           .min = 512, .max = 1024 * 1024,
           .doc = "Bytes of a request's head, all of it (else 431)"),
    KEY_AS("header_count", jst_part_limits, v.header_count, JST_KEY_UINT, .fallback = "100",
           .min = 1, .max = 1000, .example = "100", .doc = "Header fields of a request (else 431)"),
    KEY_AS("uri_bytes", jst_part_limits, v.uri_bytes, JST_KEY_SIZE, .fallback = "8KiB", .min = 256,
           .max = 1024 * 1024, .doc = "Length of a request target (else 414)"),
    KEY_AS("conns_per_ip", jst_part_limits, v.conns_per_ip, JST_KEY_UINT, .fallback = "1024",
           .max = UINT32_MAX, .example = "1024",
           .doc =
               "Open connections of one client (an IPv4 address, or an IPv6 network of 64 bits); "
               "more are closed at once; 0: no limit"),
    KEY_AS("conns_max", jst_part_limits, v.conns_max, JST_KEY_UINT, .fallback = "0",
           .max = UINT32_MAX, .example = "50000",
           .doc = "Open client connections in all; more are closed at once; 0: no limit"),
    KEY_AS("h2_streams", jst_part_limits, v.h2_streams, JST_KEY_UINT, .fallback = "128", .min = 1,
           .max = 65535, .example = "128",
           .doc = "Requests at once on one HTTP/2 connection; more are refused, and clients wait"),
};
#define ROUTE_LIMITS_N 1

/* The first five hold for a route too. */
static const struct jst_key timeouts_keys[] = {
    KEY_AS("body_idle", jst_part_timeouts, v.body_idle_ms, JST_KEY_DURATION, .fallback = "60s",
           .doc = "Without a byte of a request's body coming in or of a response going out"),
    KEY_AS("upstream_connect", jst_part_timeouts, v.upstream_connect_ms, JST_KEY_DURATION,
           .fallback = "5s", .doc = "To connect to an origin (else 504)"),
    KEY_AS("upstream_response", jst_part_timeouts, v.upstream_response_ms, JST_KEY_DURATION,
           .fallback = "60s",
           .doc = "From the end of a request to the head of the origin's response (else 504)"),
    KEY_AS("upstream_idle", jst_part_timeouts, v.upstream_idle_ms, JST_KEY_DURATION,
           .fallback = "60s", .doc = "Without a byte of an origin's response body"),
    KEY_AS("upstream_total", jst_part_timeouts, v.upstream_total_ms, JST_KEY_DURATION,
           .fallback = "0",
           .doc = "From the head of a request to the last byte of the response, waiting in a "
                  "queue, further tries and all (else 504, or cut); not for tunnels"),
    KEY_AS("header", jst_part_timeouts, v.header_ms, JST_KEY_DURATION, .fallback = "10s",
           .doc = "For the whole head of a request to arrive (else 408)"),
    KEY_AS("keepalive", jst_part_timeouts, v.keepalive_ms, JST_KEY_DURATION, .fallback = "75s",
           .doc = "A client's connection without a request under way"),
    KEY_AS("upstream_keepalive", jst_part_timeouts, v.upstream_keepalive_ms, JST_KEY_DURATION,
           .fallback = "4s",
           .doc = "An unused connection to an origin; keep it below the origin's own"),
};
#define ROUTE_TIMEOUTS_N 5

static const struct jst_key log_keys[] = {
    KEY(jst_part_log, level, JST_KEY_WORD, .fallback = "info",
        WORDS("debug", "info", "warn", "error"),
        .doc = "The least important events that are logged"),
    KEY(jst_part_log, error, JST_KEY_TEXT, .fallback = "stderr", .check = jst_check_plain,
        .flags = JST_KEY_PATH | JST_KEY_STREAM, .example = "\"stderr\"",
        .doc = "Where events go: \"stderr\", \"stdout\" or a file"),
    KEY(jst_part_log, access, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_ACCESS],
        .flags = JST_KEY_ALWAYS, .example = "\"off\"",
        .doc = "The access log: a line for each request"),
};

static const struct jst_key access_keys[] = {
    KEY(jst_part_access, format, JST_KEY_WORD, .fallback = "combined",
        WORDS("off", "combined", "json"),
        .doc = "\"combined\": as Apache and nginx write it; \"json\": an object a line; \"off\": "
               "none"),
    KEY(jst_part_access, path, JST_KEY_TEXT, .fallback = "stdout", .check = jst_check_plain,
        .flags = JST_KEY_PATH | JST_KEY_STREAM, .example = "\"/var/log/joist/access.log\"",
        .doc = "\"stdout\", \"stderr\" or a file; a file that was moved away is opened anew"),
};

/* Of a listener and of a site alike. */
#define CERT_KEYS(part_, cert_doc)                                                                 \
    KEY_AS("cert", part_, certs.cert, JST_KEY_TEXTS, .check = jst_check_plain,                     \
           .flags = JST_KEY_PATH | JST_KEY_ONE_OK, .example = "\"cert.pem\"", .doc = (cert_doc)),  \
        KEY_AS("key", part_, certs.key, JST_KEY_TEXTS, .check = jst_check_plain,                   \
               .flags = JST_KEY_PATH | JST_KEY_ONE_OK, .example = "\"key.pem\"",                   \
               .doc = "PEM file of its private key, or a list as long as `cert`; none: the key "   \
                      "is in the certificate's file too"),                                         \
        KEY_AS("ocsp", part_, certs.ocsp, JST_KEY_TEXTS, .check = jst_check_plain,                 \
               .flags = JST_KEY_PATH | JST_KEY_ONE_OK, .example = "\"ocsp.der\"",                  \
               .doc = "DER file of an OCSP response to send along, or a list as long as `cert`")

static const struct jst_rule cert_rules[] = {
    NEEDS("key", "cert", "a private key alone is no certificate"),
    NEEDS("ocsp", "cert", NULL),
};

static const struct jst_key client_auth_keys[] = {
    KEY(jst_part_client_auth, ca, JST_KEY_TEXT, .flags = JST_KEY_REQUIRED | JST_KEY_PATH,
        .check = jst_check_plain, .example = "\"clients-ca.pem\"",
        .doc = "PEM file of the authorities that clients' certificates must come from"),
    KEY(jst_part_client_auth, mode, JST_KEY_WORD, .fallback = "require",
        WORDS("request", "require"),
        .doc = "\"require\": no handshake without one; \"request\": none is fine, a wrong one is "
               "not"),
};

static const struct jst_key listener_tls_keys[] = {
    CERT_KEYS(jst_part_listener_tls,
              "PEM file of the default certificate and its chain, for names that no site has a "
              "certificate for; a list: several of different key types (ECDSA and RSA), of which "
              "each client gets what it can use; none: that of the first site which has one"),
    KEY(jst_part_listener_tls, min_version, JST_KEY_WORD, .fallback = "1.2", WORDS("1.2", "1.3"),
        .doc = "The oldest version of TLS that is spoken"),
    KEY(jst_part_listener_tls, groups, JST_KEY_TEXTS, WORDS(JST_TLS_GROUPS),
        .example = "[\"X25519MLKEM768\", \"X25519\", \"P-256\"]",
        .doc = "Groups of the key exchange, best first; none: X25519MLKEM768, X25519, P-256, "
               "P-384"),
    KEY(jst_part_listener_tls, client_auth, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_CLIENT_AUTH],
        .example = "{ ca = \"clients-ca.pem\" }", .doc = "Ask clients for certificates (mTLS)"),
    KEY_AS("unknown_sni", jst_part_listener_tls, reject_unknown_sni, JST_KEY_WORD,
           .fallback = "default", WORDS("default", "reject"),
           .doc = "A name that no certificate is for: \"default\": gets the default certificate; "
                  "\"reject\": the handshake ends with the alert unrecognized_name"),
    KEY(jst_part_listener_tls, early_data, JST_KEY_BOOL, .fallback = "false",
        .doc = "Take requests of returning clients before the handshake is over (0-RTT): only "
               "safe methods, marked with Early-Data (RFC 8470), as they may be replays"),
};

static const struct jst_key listener_keys[] = {
    KEY(jst_part_listener, bind, JST_KEY_TEXT, .flags = JST_KEY_REQUIRED, .check = jst_check_bind,
        .example = "\":8080\"",
        .doc = "\":8080\" (every address of both families), \"127.0.0.1:80\", \"[::1]:80\" or "
               "\"unix:/run/joist.sock\"; port 0 takes a free one"),
    KEY(jst_part_listener, name, JST_KEY_TEXT, .check = jst_check_plain, .example = "\"edge\"",
        .doc = "For logs; else the bind text"),
    KEY(jst_part_listener, tls, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_LISTENER_TLS],
        .example = "{ cert = \"cert.pem\", key = \"key.pem\" }",
        .doc = "Speak TLS here; `tls = {}` with the sites' certificates alone"),
    KEY(jst_part_listener, alpn, JST_KEY_TEXTS, WORDS("h2", "http/1.1"),
        WORDS_LATER({"h3", "HTTP/3"}), .example = "[\"h2\", \"http/1.1\"]",
        .doc = "Protocols, in any order: HTTP/2 is taken where both sides have it; none: both "
               "with TLS, \"http/1.1\" without; \"h2\" without TLS is HTTP/2 by prior knowledge"),
    KEY(jst_part_listener, redirect_https, JST_KEY_UINT, .fallback = "false", .truth = "443",
        .min = 1, .max = 65535, .example = "true",
        .doc = "Answer every request with a 301 to https on this port; true: 443"),
    KEY(jst_part_listener, proxy_protocol, JST_KEY_WORD, .fallback = "false", .truth = "any",
        WORDS("off", "v1", "v2", "any"), .example = "true",
        .doc = "Connections must begin with a header of the PROXY protocol, which names the client "
               "that a load balancer speaks for; true: of either version"),
    KEY(jst_part_listener, proxy_protocol_from, JST_KEY_TEXTS, .check = jst_check_cidr,
        .example = "[\"10.0.0.0/8\"]",
        .doc = "Networks of the load balancers that send it; who connects from elsewhere is served "
               "as the client that it is; none: everybody has to send it, and is believed"),
    LATER("limits", "limits of a listener"),
};

static const struct jst_rule listener_rules[] = {
    {RULE(NOT_BOTH, "tls", "redirect_https", "a listener with TLS is https already")},
    NEEDS("proxy_protocol_from", "proxy_protocol", NULL),
};

static const struct jst_key ech_keys[] = {
    KEY(jst_part_ech, keys, JST_KEY_TEXTS, .flags = JST_KEY_PATH | JST_KEY_ONE_OK,
        .check = jst_check_plain, .example = "[\"ech/2026-11.pem\", \"ech/2026-10.pem\"]",
        .doc = "PEM files of `joist ech new`: the first one is offered to clients, the others "
               "only decrypt"),
    KEY(jst_part_ech, dir, JST_KEY_TEXT, .flags = JST_KEY_PATH, .check = jst_check_plain,
        .example = "\"ech\"",
        .doc = "Folder of such files: all *.pem, the last by name is offered to clients"),
    KEY_AS("keep", jst_part_ech, keep_ms, JST_KEY_DURATION, .fallback = "7d",
           .doc = "How long a key of `dir` decrypts after the next one was written, as clients "
                  "and name servers remember it; \"0\": for ever"),
};

static const struct jst_rule ech_rules[] = {
    NOT_BOTH("keys", "dir"),
    ONE_OF("keys", "dir", "for example: dir = \"ech\""),
    NEEDS("keep", "dir", "the files of `keys` count as long as they stand there"),
};

static const struct jst_key dns_keys[] = {
    KEY(jst_part_dns, servers, JST_KEY_TEXTS, .check = jst_check_dns_server,
        .example = "[\"127.0.0.1:53\"]",
        .doc =
            "Servers to ask, at most eight, \"ADDRESS\" or \"ADDRESS:PORT\"; none: the system's, "
            "those of /etc/resolv.conf"),
    KEY_AS("timeout", jst_part_dns, v.timeout_ms, JST_KEY_DURATION, .fallback = "2s", .min = 10,
           .max = 60000,
           .doc = "How long a server has to answer before the next is asked; each is asked twice"),
    KEY_AS("min_ttl", jst_part_dns, v.min_ttl_ms, JST_KEY_DURATION, .fallback = "1s", .min = 100,
           .max = 86400000,
           .doc = "An answer counts so long at least, however short its own TTL is"),
    KEY_AS("max_ttl", jst_part_dns, v.max_ttl_ms, JST_KEY_DURATION, .fallback = "5m", .min = 100,
           .max = 86400000, .doc = "An answer counts so long at most, however long its own TTL is"),
};

static const struct jst_key respond_keys[] = {
    KEY(jst_part_respond, status, JST_KEY_UINT, .fallback = "200", .min = 200, .max = 599,
        .example = "200", .doc = "Status code"),
    KEY(jst_part_respond, body, JST_KEY_TEXT, .example = "\"It works.\\n\"", .doc = "The content"),
    KEY(jst_part_respond, content_type, JST_KEY_TEXT, .fallback = "text/plain; charset=utf-8",
        .check = jst_check_field_value, .example = "\"application/json\"",
        .doc = "Content-Type of the body"),
};

static const struct jst_key redirect_keys[] = {
    KEY(jst_part_redirect, to, JST_KEY_TEXT, .flags = JST_KEY_REQUIRED, .check = jst_check_redirect,
        .example = "\"https://example.com$uri\"",
        .doc = "Location; `$uri` is path and query, `$path`, `$query` and `$host` are parts of "
               "the request"),
    KEY(jst_part_redirect, status, JST_KEY_UINT, .fallback = "302", .min = 301, .max = 308,
        .example = "308",
        .doc = "301, 302, 303, 307 or 308; browsers remember 301 and 308 for long"),
};

static const struct jst_key matchers_keys[] = {
    KEY(jst_part_matchers, hosts, JST_KEY_TEXTS, .check = jst_check_host,
        .example = "[\"example.com\", \"*.example.com\"]",
        .doc = "Host names; `*.` stands for one label; none: any host"),
    KEY(jst_part_matchers, path_prefix, JST_KEY_TEXT, .check = jst_check_path,
        .example = "\"/api\"",
        .doc = "Start of the path, whole segments: /api takes /api and "
               "/api/x but not /apis"),
    KEY(jst_part_matchers, path, JST_KEY_TEXT, .check = jst_check_path, .example = "\"/login\"",
        .doc = "The whole path"),
    KEY(jst_part_matchers, methods, JST_KEY_TEXTS, .check = jst_check_method,
        .example = "[\"GET\", \"POST\"]", .doc = "Methods; none: all"),
    KEY(jst_part_matchers, headers, JST_KEY_PAIRS, .check = jst_check_field_name,
        .check_value = jst_check_field_value, .example = "{ x-canary = \"1\" }",
        .doc = "Request headers that must be there with these values; \"*\": with any value"),
};

static const struct jst_rule matchers_rules[] = {NOT_BOTH("path_prefix", "path")};

static const struct jst_key handler_keys[] = {
    KEY_AS("root", jst_part_route, handler.root, JST_KEY_TEXT,
           .flags = JST_KEY_PATH | JST_KEY_HANDLER, .check = jst_check_plain,
           .example = "\"/srv/www\"", .doc = "Serve the files of a folder"),
    KEY_AS("proxy", jst_part_route, handler.proxy, JST_KEY_TEXT, .flags = JST_KEY_HANDLER,
           .check = jst_check_proxy, .example = "\"http://127.0.0.1:3000\"",
           .doc = "Pass requests to an origin: a URL (whose path is put before the request's), "
                  "\"unix:/run/app.sock\", or the name of a pool of [upstreams]"),
    KEY_AS("respond", jst_part_route, handler.respond, JST_KEY_TABLE, .flags = JST_KEY_HANDLER,
           .block = &blocks[JST_BLOCK_RESPOND], .example = "\"It works.\\n\"",
           .doc = "Answer with a fixed text"),
    KEY_AS("redirect", jst_part_route, handler.redirect, JST_KEY_TABLE, .flags = JST_KEY_HANDLER,
           .block = &blocks[JST_BLOCK_REDIRECT], .example = "\"https://example.com$uri\"",
           .doc = "Send clients elsewhere"),
    KEY_AS("index", jst_part_route, handler.index, JST_KEY_TEXTS, .flags = JST_KEY_FILES,
           .fallback = "index.html", .check = jst_check_plain, .example = "[\"index.html\"]",
           .doc = "Files that stand for a folder, in this order"),
    KEY_AS("try_files", jst_part_route, handler.try_files, JST_KEY_TEXTS, .flags = JST_KEY_FILES,
           .check = jst_check_plain, .example = "[\"$path\", \"$path.html\", \"=404\"]",
           .doc =
               "What to look for, in this order: `$path` is the request's path, a `/` at the end "
               "means a folder, `=404` ends with that status"),
    KEY_AS("spa", jst_part_route, handler.spa, JST_KEY_BOOL, .flags = JST_KEY_FILES,
           .fallback = "false",
           .doc = "One-page application: paths without a file get /index.html; short for "
                  "`try_files = [\"$path\", \"$path/\", \"/index.html\"]`"),
    KEY_AS("listing", jst_part_route, handler.listing, JST_KEY_BOOL, .flags = JST_KEY_FILES,
           .fallback = "false", .doc = "Show the entries of folders without an index"),
    KEY_AS("precompressed", jst_part_route, handler.precompressed, JST_KEY_BOOL,
           .flags = JST_KEY_FILES, .fallback = "true",
           .doc = "Send FILE.zst, FILE.br or FILE.gz beside a file to those who accept them"),
    KEY_AS("dotfiles", jst_part_route, handler.dotfiles, JST_KEY_BOOL, .flags = JST_KEY_FILES,
           .fallback = "false",
           .doc = "Serve names that start with a dot (/.well-known always is)"),
    KEY_AS("cache_control", jst_part_route, handler.cache_control, JST_KEY_TEXT,
           .flags = JST_KEY_FILES, .check = jst_check_field_value,
           .example = "\"public, max-age=3600\"", .doc = "Cache-Control of files"),
    KEY_AS("error_pages", jst_part_route, handler.error_pages, JST_KEY_PAGES,
           .flags = JST_KEY_FILES, .check_value = jst_check_error_page,
           .example = "{ 404 = \"/404.html\" }",
           .doc = "Files below the root that are sent with error statuses"),
    KEY_AS("proxy_host", jst_part_route, handler.proxy_host, JST_KEY_TEXT, .flags = JST_KEY_PROXIED,
           .check = jst_check_field_value, .example = "\"app.internal\"",
           .doc = "Host header sent to the origin; else the client's"),
    KEY_AS("headers", jst_part_route, handler.headers, JST_KEY_PAIRS, .flags = JST_KEY_MERGE,
           .check = jst_check_field_name, .check_value = jst_check_field_value,
           .example = "{ x-frame-options = \"DENY\" }",
           .doc = "Headers set on every response; an empty value removes one"),
    KEY_AS("hsts", jst_part_route, handler.hsts_ms, JST_KEY_DURATION, .fallback = "false",
           .truth = "730d", .min = 1000, .example = "true",
           .doc = "Over TLS, tell browsers to use nothing else for so long "
                  "(Strict-Transport-Security); true: two years"),
    KEY_AS("limits", jst_part_route, handler.limits, JST_KEY_TABLE,
           .block = &blocks[JST_BLOCK_ROUTE_LIMITS], .example = "{ body_bytes = \"10MB\" }",
           .doc = "Limits that differ from the file's"),
    KEY_AS("timeouts", jst_part_route, handler.timeouts, JST_KEY_TABLE,
           .block = &blocks[JST_BLOCK_ROUTE_TIMEOUTS], .example = "{ upstream_response = \"5m\" }",
           .doc = "Timeouts that differ from the file's"),
    LATER("fastcgi", "FastCGI"),
    LATER("app", "applications"),
    LATER("compress", "compression"),
    LATER("auth_gate", "authentication"),
    LATER("cache", "the cache"),
};

static const struct jst_rule handler_rules[] = {
    NOT_BOTH("root", "proxy"),    NOT_BOTH("root", "respond"),   NOT_BOTH("root", "redirect"),
    NOT_BOTH("proxy", "respond"), NOT_BOTH("proxy", "redirect"), NOT_BOTH("respond", "redirect"),
    NOT_BOTH("spa", "try_files"),
};

static const struct jst_key site_keys[] = {
    KEY(jst_part_route, host, JST_KEY_TEXT, .check = jst_check_host, .example = "\"example.com\"",
        .doc = "Host name; `*.example.com` takes one label more; without `host` and `hosts`: any"),
    KEY(jst_part_route, hosts, JST_KEY_TEXTS, .check = jst_check_host,
        .example = "[\"example.com\", \"www.example.com\"]", .doc = "Several host names"),
    KEY(jst_part_route, name, JST_KEY_TEXT, .check = jst_check_plain, .example = "\"shop\"",
        .doc = "For logs; else made from host and path"),
    KEY(jst_part_route, routes, JST_KEY_TABLES, .block = &blocks[JST_BLOCK_SITE_ROUTE],
        .doc = "Parts of the site that are answered otherwise"),
    KEY(jst_part_route, tls, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_SITE_TLS],
        .example = "{ cert = \"cert.pem\", key = \"key.pem\" }",
        .doc = "The certificate for the site's names, on every listener with TLS; \"off\": it "
               "brings none"),
};

static const struct jst_rule site_rules[] = {NOT_BOTH("host", "hosts")};

static const struct jst_key site_tls_keys[] = {
    CERT_KEYS(jst_part_site_tls,
              "PEM file of the certificate and its chain; a list: several of different key types "
              "(ECDSA and RSA), of which each client gets what it can use"),
    KEY(jst_part_site_tls, mode, JST_KEY_WORD, .fallback = "files", WORDS("files", "off"),
        WORDS_LATER({"auto", "ACME"}, {"internal", "internal certificates"}),
        .doc = "Where the certificate comes from: \"files\": from `cert` and `key`; \"off\": the "
               "site brings none"),
};

static const struct jst_key site_route_keys[] = {
    KEY(jst_part_route, path, JST_KEY_TEXT, .check = jst_check_path, .example = "\"/api\"",
        .doc = "Start of the path, whole segments: /api takes /api and /api/x but not /apis"),
    KEY(jst_part_route, exact, JST_KEY_TEXT, .check = jst_check_path, .example = "\"/login\"",
        .doc = "The whole path"),
    KEY(jst_part_route, methods, JST_KEY_TEXTS, .check = jst_check_method,
        .example = "[\"GET\", \"POST\"]", .doc = "Methods; none: all"),
    KEY(jst_part_route, match_headers, JST_KEY_PAIRS, .check = jst_check_field_name,
        .check_value = jst_check_field_value, .example = "{ x-canary = \"1\" }",
        .doc = "Request headers that must be there with these values; \"*\": with any value"),
    KEY(jst_part_route, strip_prefix, JST_KEY_BOOL, .fallback = "false",
        .doc = "Files and origins see the path without `path`"),
    KEY(jst_part_route, name, JST_KEY_TEXT, .check = jst_check_plain, .example = "\"api\"",
        .doc = "For logs; else made from host and path"),
    LATER("regex", "regular expressions"),
};

static const struct jst_rule site_route_rules[] = {
    NOT_BOTH("path", "exact"),
    NEEDS("strip_prefix", "path", "strip_prefix takes off what `path` says"),
};

static const struct jst_key route_keys[] = {
    KEY(jst_part_route, name, JST_KEY_TEXT, .check = jst_check_plain, .example = "\"api\"",
        .doc = "For logs; else made from host and path"),
    KEY(jst_part_route, matchers, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_MATCHERS],
        .example = "{ hosts = [\"example.com\"], path_prefix = \"/api\" }",
        .doc = "Which requests it takes; none: all"),
    KEY_AS("upstream", jst_part_route, handler.upstream, JST_KEY_TABLE, .flags = JST_KEY_HANDLER,
           .block = UPSTREAM_BLOCK(ROUTE_POOL), .example = "\"app\"",
           .doc = "Pass requests to a pool: its name, or a pool of its own"),
    KEY(jst_part_route, strip_prefix, JST_KEY_BOOL, .fallback = "false",
        .doc = "Files and origins see the path without `path_prefix`"),
    LATER("filters", "filters"),
    LATER("response_filters", "filters"),
};

static const struct jst_rule route_rules[] = {
    NOT_BOTH("upstream", "root"),
    NOT_BOTH("upstream", "proxy"),
    NOT_BOTH("upstream", "respond"),
    NOT_BOTH("upstream", "redirect"),
};

static const struct jst_key file_keys[] = {
    KEY(jst_part_file, include, JST_KEY_TEXTS, .check = jst_check_plain,
        .example = "[\"sites/*.toml\"]",
        .doc = "More files, by pattern, relative to this one; read in the order of their names"),
    KEY(jst_part_file, server, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_SERVER],
        .flags = JST_KEY_ALWAYS, .doc = "The process"),
    KEY(jst_part_file, limits, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_LIMITS],
        .flags = JST_KEY_ALWAYS, .doc = "What a client may ask for"),
    KEY(jst_part_file, timeouts, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_TIMEOUTS],
        .flags = JST_KEY_ALWAYS, .doc = "How long things may take"),
    KEY(jst_part_file, log, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_LOG], .flags = JST_KEY_ALWAYS,
        .doc = "What is written down"),
    KEY(jst_part_file, listeners, JST_KEY_TABLES, .block = &blocks[JST_BLOCK_LISTENER],
        .flags = JST_KEY_ONE_OK,
        .doc = "Addresses to listen on; a single one may be written [listeners]; none: \":8080\", "
               "or if a site has a certificate, \":443\" with TLS and \":80\" that leads there"),
    KEY(jst_part_file, dns, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_DNS], .flags = JST_KEY_ALWAYS,
        .doc = "How names of origins are looked up"),
    KEY(jst_part_file, ech, JST_KEY_TABLE, .block = &blocks[JST_BLOCK_ECH],
        .doc = "Encrypted ClientHello, on every listener with TLS"),
    KEY(jst_part_file, upstreams, JST_KEY_NAMED, .block = UPSTREAM_BLOCK(POOL),
        .doc = "Pools of origins, by name"),
    KEY(jst_part_file, sites, JST_KEY_TABLES, .block = &blocks[JST_BLOCK_SITE],
        .doc = "Virtual hosts: the short form"),
    KEY(jst_part_file, routes, JST_KEY_TABLES, .block = &blocks[JST_BLOCK_ROUTE],
        .doc = "Routes: the full form; sites become these"),
    LATER("admin", "the admin interface"),
    LATER("metrics", "metrics"),
    LATER("tracing", "tracing"),
    LATER("acme", "ACME"),
    LATER("http3", "HTTP/3"),
    LATER("plugins", "plugins"),
    LATER("cache", "the cache"),
    LATER("observe", "observation of traffic"),
    LATER("auth_gate", "authentication"),
    LATER("apps", "applications"),
    LATER("supervisor", "applications"),
    LATER("dashboard", "the dashboard"),
    LATER("store", "the state store"),
};

static const struct jst_block blocks[JST_BLOCKS_N] = {
    [JST_BLOCK_FILE] = {BLOCK(FILE, jst_part_file), .name = "file", .title = "the file",
                        LIST(file_keys), .doc = "What stands at the top level"},
    [JST_BLOCK_SERVER] = {BLOCK(SERVER, jst_part_server), .name = "server", .title = "[server]",
                          LIST(server_keys), .doc = "The process"},
    [JST_BLOCK_LIMITS] = {BLOCK(LIMITS, jst_part_limits), .name = "limits", .title = "[limits]",
                          LIST(limits_keys), .doc = "What a client may ask for"},
    [JST_BLOCK_ROUTE_LIMITS] = {BLOCK(ROUTE_LIMITS, jst_part_limits), .name = "route-limits",
                                .title = "limits of a site or route", .keys = limits_keys,
                                .keys_n = ROUTE_LIMITS_N,
                                .doc = "Written `limits = { ... }` or [sites.limits]; what is not "
                                       "given is as around it"},
    [JST_BLOCK_TIMEOUTS] = {BLOCK(TIMEOUTS, jst_part_timeouts), .name = "timeouts",
                            .title = "[timeouts]", LIST(timeouts_keys),
                            .doc = "How long things may take; \"0\" means for ever"},
    [JST_BLOCK_ROUTE_TIMEOUTS] = {BLOCK(ROUTE_TIMEOUTS, jst_part_timeouts),
                                  .name = "route-timeouts", .title = "timeouts of a site or route",
                                  .keys = timeouts_keys, .keys_n = ROUTE_TIMEOUTS_N,
                                  .doc = "Written `timeouts = { ... }` or [sites.timeouts]; what "
                                         "is not given is as around it"},
    [JST_BLOCK_LOG] = {BLOCK(LOG, jst_part_log), .name = "log", .title = "[log]", LIST(log_keys),
                       .doc = "What is written down"},
    [JST_BLOCK_ACCESS] = {BLOCK(ACCESS, jst_part_access), .name = "access", .title = "log.access",
                          LIST(access_keys), .short_key = "format",
                          .doc = "Written `access = \"off\"` (or another format) or `access = { "
                                 "format = \"json\", path = \"access.log\" }`"},
    [JST_BLOCK_LISTENER] = {BLOCK(LISTENER, jst_part_listener), .name = "listener",
                            .title = "[[listeners]]", LIST(listener_keys), RULES(listener_rules),
                            .doc = "An address to listen on"},
    [JST_BLOCK_LISTENER_TLS] = {BLOCK(LISTENER_TLS, jst_part_listener_tls), .name = "listener-tls",
                                .title = "[listeners.tls]", LIST(listener_tls_keys),
                                RULES(cert_rules), .doc = "TLS of the listener above it"},
    [JST_BLOCK_CLIENT_AUTH] = {BLOCK(CLIENT_AUTH, jst_part_client_auth), .name = "client-auth",
                               .title = "[listeners.tls.client_auth]", LIST(client_auth_keys),
                               .doc = "Certificates of clients"},
    [JST_BLOCK_ECH] = {BLOCK(ECH, jst_part_ech), .name = "ech", .title = "[ech]", LIST(ech_keys),
                       RULES(ech_rules),
                       .doc = "Encrypted ClientHello (RFC 9849): who watches the line sees only "
                              "the public name. `joist ech new` makes keys, `joist ech list` shows "
                              "what belongs into the DNS"},
    [JST_BLOCK_DNS] = {BLOCK(DNS, jst_part_dns), .name = "dns", .title = "[dns]", LIST(dns_keys),
                       .doc =
                           "Names of origins. /etc/hosts goes first, then the servers are asked. "
                           "All addresses of a name are used, and asked for again when their "
                           "time is over; a name that is not found any more keeps its last "
                           "ones"},
    [JST_BLOCK_SITE] = {BLOCK(SITE, jst_part_route), .name = "site", .title = "[[sites]]",
                        LIST(site_keys), RULES(site_rules), .base = &blocks[JST_BLOCK_HANDLER],
                        .doc = "A virtual host"},
    [JST_BLOCK_SITE_TLS] = {BLOCK(SITE_TLS, jst_part_site_tls), .name = "site-tls",
                            .title = "[sites.tls]", LIST(site_tls_keys), RULES(cert_rules),
                            .short_key = "mode",
                            .doc = "`tls = \"off\"` alone, or a table with these keys"},
    [JST_BLOCK_SITE_ROUTE] = {BLOCK(SITE_ROUTE, jst_part_route), .name = "site-route",
                              .title = "[[sites.routes]]", LIST(site_route_keys),
                              RULES(site_route_rules), .base = &blocks[JST_BLOCK_HANDLER],
                              .doc = "A part of the site above it. What it does not say is as the "
                                     "site says, what answers included"},
    [JST_BLOCK_HANDLER] = {.id = JST_BLOCK_HANDLER,
                           .name = "handler",
                           .title = "what answers",
                           LIST(handler_keys),
                           RULES(handler_rules),
                           .doc = "Keys of sites, of their routes and of full routes: one of "
                                  "`root`, `proxy`, `respond`, `redirect`, and what goes with it"},
    [JST_BLOCK_RESPOND] = {BLOCK(RESPOND, jst_part_respond), .name = "respond", .title = "respond",
                           LIST(respond_keys), .short_key = "body",
                           .doc = "A text alone, or a table with these keys"},
    [JST_BLOCK_REDIRECT] = {BLOCK(REDIRECT, jst_part_redirect), .name = "redirect",
                            .title = "redirect", LIST(redirect_keys), .short_key = "to",
                            .doc = "A target alone, or a table with these keys"},
    [JST_BLOCK_ROUTE] = {BLOCK(ROUTE, jst_part_route), .name = "route", .title = "[[routes]]",
                         LIST(route_keys), RULES(route_rules), .base = &blocks[JST_BLOCK_HANDLER],
                         .doc = "A route in full"},
    [JST_BLOCK_MATCHERS] = {BLOCK(MATCHERS, jst_part_matchers), .name = "matchers",
                            .title = "[routes.matchers]", LIST(matchers_keys),
                            RULES(matchers_rules), .doc = "Which requests a route takes"},
};

const struct jst_block *
jst_schema_root(void)
{
    return &blocks[JST_BLOCK_FILE];
}

const struct jst_block *
jst_schema_block(enum jst_block_id id)
{
    return id >= JST_BLOCK_ROUTE_POOL && id <= JST_BLOCK_ORIGIN_TLS
               ? &jst_upstream_blocks[id - JST_BLOCK_ROUTE_POOL]
               : &blocks[id];
}

ptrdiff_t
jst_block_find(const struct jst_block *b, struct jst_slice name)
{
    size_t n = jst_block_keys_n(b);

    for (size_t i = 0; i < n; i++) {
        const struct jst_key *key = jst_block_key(b, i);

        if (name.n > 0 && key->name_n == name.n && memcmp(key->name, name.p, name.n) == 0) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

size_t
jst_block_get(const struct jst_block *b, const char *name)
{
    ptrdiff_t i = jst_block_find(b, jst_slice_z(name));

    JST_ASSERT(i >= 0);
    return (size_t)i;
}
