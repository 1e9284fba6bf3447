# SPDX-License-Identifier: MIT
"""Messages that must be refused: what a client must not get past us, and what an origin must not.

Requests: (id, paragraph, bytes, status). `status` is one number, or several where a message is
wrong in two ways at once. Every target holds the word `hidden`.
  HEAD  wrong before the end of the head: no byte may reach an origin.
  BODY  the head is good and may have been passed on; the request must never become complete there.

Responses: (id, paragraph, bytes). REFUSED: the client gets 502. CUT: the head may have been passed
on; the client must never take the message for complete.
"""


def get(*lines, line=b"GET /hidden HTTP/1.1", host=b"Host: test.example"):
    """A request without a body from its lines; `host` None leaves it out."""
    parts = [line] + ([host] if host is not None else []) + list(lines)
    return b"\r\n".join(parts) + b"\r\n\r\n"


def post(*lines, body=b"hello", line=b"POST /hidden HTTP/1.1"):
    return get(*lines, line=line) + body


def target(text):
    return get(line=b"GET " + text + b" HTTP/1.1")


def chunked(body, *lines):
    return post(b"Transfer-Encoding: chunked", *lines, body=body)


def named(value):
    return get(host=b"Host: " + value)


def length(value):
    return post(b"Content-Length: " + value)


def coding(value, line=b"POST /hidden HTTP/1.1"):
    return post(b"Transfer-Encoding: " + value, body=b"5\r\nhello\r\n0\r\n\r\n", line=line)


LINE = "RFC 9112 3"
METHOD = "RFC 9110 9.1"
TARGET = "RFC 9112 3.2"
VERSION = "RFC 9112 2.3"
ENDING = "RFC 9112 2.2"
FIELD = "RFC 9112 5"
NAME = "RFC 9110 5.1"
SPACE = "RFC 9112 5.1"
FOLD = "RFC 9112 5.2"
VALUE = "RFC 9110 5.5"
HOST = "RFC 9112 3.2"
HOSTS = "RFC 9110 7.2"
LENGTH = "RFC 9110 8.6"
FRAMING = "RFC 9112 6.3"
CODING = "RFC 9112 6.1"
CHUNKS = "RFC 9112 7.1"
EXTENSION = "RFC 9112 7.1.1"
TRAILERS = "RFC 9110 6.5.1"
PATHS = "RFC 3986 2.1"
DOTS = "RFC 3986 6.2.2.3"

HEAD = [
    # ---- request line --------------------------------------------------------------------------
    ("line-no-method", LINE, get(line=b" /hidden HTTP/1.1"), 400),
    ("line-no-target", LINE, get(b"X: hidden", line=b"GET HTTP/1.1"), 400),
    ("line-empty-target", LINE, get(b"X: hidden", line=b"GET  HTTP/1.1"), 400),
    ("line-no-version", LINE, get(line=b"GET /hidden"), (400, 505)),
    ("line-no-version-space", LINE, get(line=b"GET /hidden "), (400, 505)),
    ("line-method-alone", LINE, b"GET\r\n\r\n", 400),
    ("line-two-spaces-first", LINE, get(line=b"GET  /hidden HTTP/1.1"), 400),
    ("line-two-spaces-second", LINE, get(line=b"GET /hidden  HTTP/1.1"), (400, 505)),
    ("line-space-at-end", LINE, get(line=b"GET /hidden HTTP/1.1 "), (400, 505)),
    ("line-space-at-start", LINE, get(line=b" GET /hidden HTTP/1.1"), 400),
    ("line-tab-first", LINE, get(line=b"GET\t/hidden HTTP/1.1"), 400),
    ("line-tab-second", LINE, get(line=b"GET /hidden\tHTTP/1.1"), 400),
    ("line-vertical-tab", LINE, get(line=b"GET\x0b/hidden HTTP/1.1"), 400),
    ("line-form-feed", LINE, get(line=b"GET /hidden\x0cHTTP/1.1"), 400),
    ("line-extra-word", LINE, get(line=b"GET /hidden more HTTP/1.1"), (400, 505)),
    ("line-two-versions", LINE, get(line=b"GET /hidden HTTP/1.1 HTTP/1.1"), (400, 505)),
    ("line-response", LINE, get(line=b"HTTP/1.1 200 hidden"), (400, 505)),
    ("line-three-empty-before", ENDING, b"\r\n\r\n\r\n\r\n" + get(), 400),
    ("line-lf-before-bare", ENDING, b"\n\n\n" + get(), 400),
    ("line-garbage", LINE, b"\x80\x81\x82 hidden\r\n\r\n", 400),
    ("line-tls-hello", LINE,
     b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03hidden" + b"\xaa" * 40 + b"\r\n\r\n", 400),
    ("line-ssh", LINE, b"SSH-2.0-hidden\r\n\r\n", 400),
    ("line-h2-preface", VERSION, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    ("line-proxy-protocol", LINE, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(), 400),
    # ---- method --------------------------------------------------------------------------------
    ("method-at", METHOD, get(line=b"G@T /hidden HTTP/1.1"), 400),
    ("method-colon", METHOD, get(line=b"GET: /hidden HTTP/1.1"), 400),
    ("method-slash", METHOD, get(line=b"GET/ /hidden HTTP/1.1"), 400),
    ("method-brackets", METHOD, get(line=b"(GET) /hidden HTTP/1.1"), 400),
    ("method-quotes", METHOD, get(line=b"\"GET\" /hidden HTTP/1.1"), 400),
    ("method-comma", METHOD, get(line=b"GET,POST /hidden HTTP/1.1"), 400),
    ("method-nul", METHOD, get(line=b"GE\x00T /hidden HTTP/1.1"), 400),
    ("method-control", METHOD, get(line=b"GE\x01T /hidden HTTP/1.1"), 400),
    ("method-del", METHOD, get(line=b"GE\x7fT /hidden HTTP/1.1"), 400),
    ("method-latin", METHOD, get(line=b"G\xc9T /hidden HTTP/1.1"), 400),
    ("method-endless", METHOD, get(line=b"G" * 4000 + b" /hidden HTTP/1.1"), (400, 501)),
    # ---- version -------------------------------------------------------------------------------
    ("version-2.0", VERSION, get(line=b"GET /hidden HTTP/2.0"), 505),
    ("version-3.0", VERSION, get(line=b"GET /hidden HTTP/3.0"), 505),
    ("version-0.9", VERSION, get(line=b"GET /hidden HTTP/0.9"), 505),
    ("version-9.9", VERSION, get(line=b"GET /hidden HTTP/9.9"), 505),
    ("version-lower-case", VERSION, get(line=b"GET /hidden http/1.1"), (400, 505)),
    ("version-mixed-case", VERSION, get(line=b"GET /hidden Http/1.1"), (400, 505)),
    ("version-no-minor", VERSION, get(line=b"GET /hidden HTTP/1"), (400, 505)),
    ("version-empty-minor", VERSION, get(line=b"GET /hidden HTTP/1."), (400, 505)),
    ("version-two-digits", VERSION, get(line=b"GET /hidden HTTP/1.10"), (400, 505)),
    ("version-leading-zero", VERSION, get(line=b"GET /hidden HTTP/01.1"), (400, 505)),
    ("version-letters", VERSION, get(line=b"GET /hidden HTTP/1.x"), (400, 505)),
    ("version-suffix", VERSION, get(line=b"GET /hidden HTTP/1.1x"), (400, 505)),
    ("version-comma", VERSION, get(line=b"GET /hidden HTTP/1,1"), (400, 505)),
    ("version-minus", VERSION, get(line=b"GET /hidden HTTP/-1.1"), (400, 505)),
    ("version-plus", VERSION, get(line=b"GET /hidden HTTP/1.+1"), (400, 505)),
    ("version-space-inside", VERSION, get(line=b"GET /hidden HTTP /1.1"), (400, 505)),
    ("version-other-protocol", VERSION, get(line=b"GET /hidden HTTPS/1.1"), (400, 505)),
    ("version-no-slash", VERSION, get(line=b"GET /hidden HTTP1.1"), (400, 505)),
    ("version-nul", VERSION, get(line=b"GET /hidden HTTP/1.1\x00"), (400, 505)),
    # ---- target --------------------------------------------------------------------------------
    ("target-no-slash", TARGET, target(b"hidden"), 400),
    ("target-question-mark", TARGET, target(b"?hidden"), 400),
    ("target-fragment", TARGET, target(b"/hidden#part"), 400),
    ("target-fragment-in-query", TARGET, target(b"/hidden?x#part"), 400),
    ("target-nul", TARGET, target(b"/hidden\x00.html"), 400),
    ("target-control", TARGET, target(b"/hid\x01den"), 400),
    ("target-del", TARGET, target(b"/hid\x7fden"), 400),
    ("target-cr", ENDING, target(b"/hid\rden"), 400),
    ("target-cr-in-query", ENDING, target(b"/hidden?a=\rb"), 400),
    ("target-nul-in-query", TARGET, target(b"/hidden?a=\x00"), 400),
    ("target-star-get", TARGET, get(b"X: hidden", line=b"GET * HTTP/1.1"), 400),
    ("target-star-post", TARGET, get(b"X: hidden", line=b"POST * HTTP/1.1"), 400),
    ("target-star-more", TARGET, get(line=b"OPTIONS *hidden HTTP/1.1"), 400),
    ("target-authority-get", TARGET, target(b"hidden.example:80"), 400),
    ("target-connect-path", TARGET, get(line=b"CONNECT /hidden HTTP/1.1"), 400),
    ("target-connect-no-port", TARGET, get(line=b"CONNECT hidden.example HTTP/1.1"), 400),
    ("target-connect-no-host", TARGET, get(b"X: hidden", line=b"CONNECT :443 HTTP/1.1"), 400),
    ("target-connect-userinfo", TARGET, get(line=b"CONNECT a@hidden.example:443 HTTP/1.1"), 400),
    ("target-connect-absolute", TARGET,
     get(line=b"CONNECT http://hidden.example/ HTTP/1.1"), 400),
    ("target-absolute-no-host", TARGET, target(b"http:///hidden"), 400),
    ("target-absolute-nothing", TARGET, get(b"X: hidden", line=b"GET http:// HTTP/1.1"), 400),
    ("target-absolute-userinfo", "RFC 9110 4.2.4",
     target(b"http://me:pw@test.example/hidden"), 400),
    ("target-absolute-scheme", TARGET, target(b"ftp://test.example/hidden"), 400),
    ("target-absolute-script", TARGET, target(b"javascript://test.example/hidden"), 400),
    ("target-absolute-one-slash", TARGET, target(b"http:/test.example/hidden"), 400),
    ("target-absolute-bad-port", TARGET, target(b"http://test.example:hidden/"), 400),
    ("target-absolute-big-port", TARGET, target(b"http://test.example:99999/hidden"), 400),
    ("target-absolute-bracket", TARGET, target(b"http://[::1/hidden"), 400),
    ("target-absolute-fragment", TARGET, target(b"http://test.example/hidden#x"), 400),
    ("path-bad-percent", PATHS, target(b"/hidden/%zz"), 400),
    ("path-cut-percent", PATHS, target(b"/hidden/%4"), 400),
    ("path-percent-alone", PATHS, target(b"/hidden/%"), 400),
    ("path-percent-nul", PATHS, target(b"/hidden/%00"), 400),
    ("path-above-root", DOTS, target(b"/../hidden"), 400),
    ("path-above-root-deep", DOTS, target(b"/a/../../hidden"), 400),
    ("path-above-root-encoded", DOTS, target(b"/%2e%2e/hidden"), 400),
    ("path-above-root-mixed", DOTS, target(b"/.%2E/hidden"), 400),
    ("path-encoded-backslash", DOTS, target(b"/hidden/..%5c..%5cx"), 400),
    ("path-backslash", PATHS, target(b"/hidden\\..\\x"), 400),
    # ---- line endings --------------------------------------------------------------------------
    ("lf-everywhere", ENDING, b"GET /hidden HTTP/1.1\nHost: test.example\n\n", 400),
    ("lf-request-line", ENDING, b"GET /hidden HTTP/1.1\nHost: test.example\r\n\r\n", 400),
    ("lf-field-line", ENDING, b"GET /hidden HTTP/1.1\r\nHost: test.example\nX: y\r\n\r\n", 400),
    ("lf-empty-line", ENDING, b"GET /hidden HTTP/1.1\r\nHost: test.example\r\n\n", 400),
    ("lf-smuggles-length", ENDING,
     b"POST /hidden HTTP/1.1\r\nHost: test.example\r\nX: y\nContent-Length: 5\r\n\r\nhello", 400),
    ("cr-request-line", ENDING, b"GET /hidden HTTP/1.1\rHost: test.example\r\n\r\n", (400, 505)),
    ("cr-cr-lf-request-line", ENDING,
     b"GET /hidden HTTP/1.1\r\r\nHost: test.example\r\n\r\n", (400, 505)),
    ("cr-cr-lf-field", ENDING, b"GET /hidden HTTP/1.1\r\nHost: test.example\r\r\n\r\n", 400),
    ("cr-in-value", ENDING, get(b"X-A: one\rX-B: two"), 400),
    ("cr-in-name", ENDING, get(b"X\r-A: one"), 400),
    ("cr-smuggles-coding", ENDING,
     post(b"X: y\rTransfer-Encoding: chunked", b"Content-Length: 5"), 400),
    # ---- field names ---------------------------------------------------------------------------
    ("field-space-before-colon", SPACE, get(b"X-A : one"), 400),
    ("field-tab-before-colon", SPACE, get(b"X-A\t: one"), 400),
    ("field-spaced-length", SPACE, post(b"Content-Length : 5"), 400),
    ("field-spaced-coding", SPACE,
     post(b"Transfer-Encoding : chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), 400),
    ("field-spaced-host", SPACE, get(host=b"Host : test.example"), 400),
    ("field-space-in-name", NAME, get(b"X A: one"), 400),
    ("field-empty-name", NAME, get(b": one"), 400),
    ("field-no-colon", FIELD, get(b"X-A one"), 400),
    ("field-name-alone", FIELD, get(b"X-A"), 400),
    ("field-name-brackets", NAME, get(b"X(A): one"), 400),
    ("field-name-slash", NAME, get(b"X/A: one"), 400),
    ("field-name-quotes", NAME, get(b"\"X-A\": one"), 400),
    ("field-name-at", NAME, get(b"X@A: one"), 400),
    ("field-name-nul", NAME, get(b"X-\x00A: one"), 400),
    ("field-name-control", NAME, get(b"X-\x01A: one"), 400),
    ("field-name-del", NAME, get(b"X-\x7fA: one"), 400),
    ("field-name-utf8", NAME, get(b"X-\xc3\xa9: one"), 400),
    ("field-name-form-feed", NAME, get(b"\x0cTransfer-Encoding: chunked"), 400),
    ("field-leading-space", "RFC 9112 2.2",
     b"GET /hidden HTTP/1.1\r\n Host: test.example\r\n\r\n", 400),
    ("field-leading-tab", "RFC 9112 2.2",
     b"GET /hidden HTTP/1.1\r\n\tX: y\r\nHost: test.example\r\n\r\n", 400),
    # ---- folding -------------------------------------------------------------------------------
    ("fold-space", FOLD, get(b"X-A: one", b" two"), 400),
    ("fold-tab", FOLD, get(b"X-A: one", b"\ttwo"), 400),
    ("fold-of-nothing", FOLD, get(b"X-A: one", b" "), 400),
    ("fold-host", FOLD, get(host=b"Host:\r\n test.example"), 400),
    ("fold-length", FOLD, post(b"Content-Length:", b" 5"), 400),
    ("fold-coding", FOLD,
     post(b"Transfer-Encoding:", b" chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), 400),
    ("fold-hides-length", FOLD, post(b"X-A: one", b" Content-Length: 5"), 400),
    # ---- field values --------------------------------------------------------------------------
    ("value-nul", VALUE, get(b"X-A: o\x00ne"), 400),
    ("value-control", VALUE, get(b"X-A: o\x01ne"), 400),
    ("value-escape", VALUE, get(b"X-A: \x1b[31mred"), 400),
    ("value-vertical-tab", VALUE, get(b"X-A: o\x0bne"), 400),
    ("value-backspace", VALUE, get(b"X-A: o\x08ne"), 400),
    ("value-del", VALUE, get(b"X-A: o\x7fne"), 400),
    ("value-nul-at-end", VALUE, get(b"X-A: one\x00"), 400),
    # ---- Host ----------------------------------------------------------------------------------
    ("host-missing", HOST, get(b"X-A: one", host=None), 400),
    ("host-missing-absolute", HOST,
     get(b"X-A: one", line=b"GET http://test.example/hidden HTTP/1.1", host=None), 400),
    ("host-twice", HOST, get(b"Host: test.example"), 400),
    ("host-two", HOST, get(b"Host: other.example"), 400),
    ("host-two-cases", HOST, get(b"hOST: other.example"), 400),
    ("host-two-far", HOST, get(b"A: 1", b"B: 2", b"C: 3", b"HOST: other.example"), 400),
    ("host-space", HOSTS, named(b"test example"), 400),
    ("host-userinfo", HOSTS, named(b"me@test.example"), 400),
    ("host-slash", HOSTS, named(b"test.example/hidden"), 400),
    ("host-backslash", HOSTS, named(b"test.example\\x"), 400),
    ("host-query", HOSTS, named(b"test.example?x"), 400),
    ("host-fragment", HOSTS, named(b"test.example#x"), 400),
    ("host-comma", HOSTS, named(b"test.example, other.example"), 400),
    ("host-url", HOSTS, named(b"http://test.example"), 400),
    ("host-port-letters", HOSTS, named(b"test.example:http"), 400),
    ("host-port-big", HOSTS, named(b"test.example:65536"), 400),
    ("host-port-minus", HOSTS, named(b"test.example:-80"), 400),
    ("host-two-ports", HOSTS, named(b"test.example:80:80"), 400),
    ("host-port-space", HOSTS, named(b"test.example: 80"), 400),
    ("host-bracket-open", HOSTS, named(b"[::1"), 400),
    ("host-bracket-empty", HOSTS, named(b"[]"), 400),
    ("host-bracket-tail", HOSTS, named(b"[::1]x"), 400),
    ("host-bracket-name", HOSTS, named(b"[hidden.example]"), 400),
    ("host-bare-ipv6", HOSTS, named(b"::1"), 400),
    ("host-angle", HOSTS, named(b"<test>"), 400),
    ("host-mismatch", "RFC 9112 3.2.2",
     get(line=b"GET http://other.example/hidden HTTP/1.1"), 400),
    # ---- Content-Length ------------------------------------------------------------------------
    ("length-minus", LENGTH, length(b"-5"), 400),
    ("length-plus", LENGTH, length(b"+5"), 400),
    ("length-hex", LENGTH, length(b"0x5"), 400),
    ("length-fraction", LENGTH, length(b"5.0"), 400),
    ("length-exponent", LENGTH, length(b"5e0"), 400),
    ("length-word", LENGTH, length(b"five"), 400),
    ("length-empty", LENGTH, length(b""), 400),
    ("length-blank", LENGTH, length(b"   "), 400),
    ("length-space-inside", LENGTH, length(b"5 5"), 400),
    ("length-quoted", LENGTH, length(b"\"5\""), 400),
    ("length-underscore", LENGTH, length(b"1_0"), 400),
    ("length-trailing-letter", LENGTH, length(b"5a"), 400),
    ("length-semicolon", LENGTH, length(b"5;x"), 400),
    ("length-list-same", FRAMING, length(b"5, 5"), 400),
    ("length-list-differs", FRAMING, length(b"5, 6"), 400),
    ("length-list-empty-first", FRAMING, length(b",5"), 400),
    ("length-list-empty-last", FRAMING, length(b"5,"), 400),
    ("length-2-to-64", LENGTH, length(b"18446744073709551616"), 400),
    ("length-wraps-to-5", LENGTH, length(b"18446744073709551621"), 400),
    ("length-40-digits", LENGTH, length(b"9" * 40), 400),
    ("length-nul", LENGTH, length(b"5\x00"), 400),
    ("length-arabic-digit", LENGTH, length("٥".encode()), 400),
    ("length-twice-same", FRAMING, post(b"Content-Length: 5", b"Content-Length: 5"), 400),
    ("length-twice-differs", FRAMING, post(b"Content-Length: 5", b"Content-Length: 6"), 400),
    ("length-twice-case", FRAMING, post(b"Content-Length: 5", b"content-length: 0"), 400),
    ("length-minus-get", LENGTH, get(b"Content-Length: -1"), 400),
    # ---- Transfer-Encoding ---------------------------------------------------------------------
    ("coding-and-length", FRAMING, chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Content-Length: 5"), 400),
    ("length-and-coding", FRAMING,
     post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    ("length-0-and-coding", FRAMING,
     post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    ("length-and-identity", FRAMING,
     post(b"Content-Length: 5", b"Transfer-Encoding: identity"), (400, 501)),
    ("coding-chunked-twice", CODING, coding(b"chunked, chunked"), 400),
    ("coding-chunked-two-lines", CODING,
     post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    ("coding-identity-chunked-lines", CODING,
     post(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
     (400, 501)),
    ("coding-chunked-identity-lines", CODING,
     post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
     (400, 501)),
    ("coding-chunked-not-last", FRAMING, coding(b"chunked, gzip"), (400, 501)),
    ("coding-gzip-chunked", CODING, coding(b"gzip, chunked"), 501),
    ("coding-deflate-chunked", CODING, coding(b"deflate, chunked"), 501),
    ("coding-gzip", FRAMING, coding(b"gzip"), (400, 501)),
    ("coding-identity", CODING, coding(b"identity"), (400, 501)),
    ("coding-unknown", CODING, coding(b"cow"), (400, 501)),
    ("coding-x-chunked", CODING, coding(b"x-chunked"), (400, 501)),
    ("coding-chunkedx", CODING, coding(b"chunkedx"), (400, 501)),
    ("coding-chunk", CODING, coding(b"chunk"), (400, 501)),
    ("coding-parameter", CODING, coding(b"chunked;q=1"), (400, 501)),
    ("coding-quoted", CODING, coding(b"\"chunked\""), (400, 501)),
    ("coding-empty", CODING, coding(b""), (400, 501)),
    ("coding-space-inside", CODING, coding(b"chu nked"), (400, 501)),
    ("coding-two-words", CODING, coding(b"chunked chunked"), (400, 501)),
    ("coding-vertical-tab", CODING, coding(b"\x0bchunked"), 400),
    ("coding-nul", CODING, coding(b"chunked\x00"), 400),
    ("coding-form-feed", CODING, coding(b"chunked\x0c"), 400),
    ("coding-latin", CODING, coding(b"chunked\xa0"), (400, 501)),
    ("coding-in-1.0", CODING, coding(b"chunked", line=b"POST /hidden HTTP/1.0"), 400),
    ("coding-in-1.0-keep-alive", CODING,
     post(b"Connection: keep-alive", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n",
          line=b"POST /hidden HTTP/1.0"), 400),
    ("coding-on-get", FRAMING,
     get(b"Transfer-Encoding: chunked", b"Content-Length: 30") + b"0\r\n\r\n", 400),
    # ---- expectations and limits ---------------------------------------------------------------
    ("expect-unknown", "RFC 9110 10.1.1", post(b"Expect: 200-ok", b"Content-Length: 5"), 417),
    ("expect-more", "RFC 9110 10.1.1",
     post(b"Expect: 100-continue, wonders", b"Content-Length: 5"), 417),
    ("limit-uri", "RFC 9110 15.5.15", target(b"/hidden/" + b"a" * 9000), 414),
    ("limit-uri-query", "RFC 9110 15.5.15", target(b"/hidden?" + b"a" * 9000), 414),
    ("limit-uri-endless", "RFC 9112 3", b"GET /hidden/" + b"a" * 100000, 414),
    ("limit-field-bytes", "RFC 6585 5", get(b"X-A: " + b"a" * 70000), 431),
    ("limit-field-name-bytes", "RFC 6585 5", get(b"X" * 70000 + b": a"), 431),
    ("limit-field-endless", "RFC 6585 5", get(b"X-A: " + b"a" * 200000)[:-4], 431),
    ("limit-fields", "RFC 6585 5", get(*[b"X-%d: y" % i for i in range(150)]), 431),
    ("limit-fields-many-short", "RFC 6585 5", get(*[b"a:"] * 5000), 431),
    ("limit-body", "RFC 9110 15.5.14", length(b"1073741825"), 413),
    ("limit-body-huge", "RFC 9110 15.5.14", length(b"9223372036854775807"), (400, 413)),
]

BODY = [
    # ---- chunk size ----------------------------------------------------------------------------
    ("chunk-no-size", CHUNKS, chunked(b"\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-no-hex", CHUNKS, chunked(b"G\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-0x", CHUNKS, chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-minus", CHUNKS, chunked(b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-plus", CHUNKS, chunked(b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-minus-zero", CHUNKS, chunked(b"-0\r\n\r\n"), 400),
    ("chunk-leading-space", CHUNKS, chunked(b" 5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-leading-tab", CHUNKS, chunked(b"\t5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-trailing-space", CHUNKS, chunked(b"5 \r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-underscore", CHUNKS, chunked(b"0_5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-comma", CHUNKS, chunked(b"5,5\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-fraction", CHUNKS, chunked(b"5.0\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-quoted", CHUNKS, chunked(b"\"5\"\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-nul", CHUNKS, chunked(b"5\x00\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-h-suffix", CHUNKS, chunked(b"5h\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-2-to-64", CHUNKS, chunked(b"10000000000000000\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    ("chunk-wraps-to-5", CHUNKS, chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    ("chunk-16-f", CHUNKS, chunked(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    ("chunk-17-f", CHUNKS, chunked(b"f" * 17 + b"\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    ("chunk-2-to-63", CHUNKS, chunked(b"8000000000000000\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    ("chunk-endless-zeros", CHUNKS, chunked(b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"), 400),
    # ---- line ends in the body -----------------------------------------------------------------
    ("chunk-lf-after-size", CHUNKS, chunked(b"5\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-cr-after-size", CHUNKS, chunked(b"5\rhello\r\n0\r\n\r\n"), 400),
    ("chunk-cr-cr-lf", CHUNKS, chunked(b"5\r\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-lf-after-data", CHUNKS, chunked(b"5\r\nhello\n0\r\n\r\n"), 400),
    ("chunk-cr-after-data", CHUNKS, chunked(b"5\r\nhello\r0\r\n\r\n"), 400),
    ("chunk-nothing-after-data", CHUNKS, chunked(b"5\r\nhello0\r\n\r\n"), 400),
    ("chunk-data-too-long", CHUNKS, chunked(b"3\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-data-too-short", CHUNKS, chunked(b"8\r\nhello\r\n0\r\n\r\n"), 400),
    ("chunk-lf-after-last", CHUNKS, chunked(b"5\r\nhello\r\n0\n\r\n"), 400),
    ("chunk-lf-ends-trailers", CHUNKS, chunked(b"5\r\nhello\r\n0\r\n\n"), 400),
    ("chunk-second-bad", CHUNKS, chunked(b"5\r\nhello\r\nZ\r\n"), 400),
    ("chunk-on-get", CHUNKS,
     get(b"Transfer-Encoding: chunked") + b"0x0\r\n\r\n", 400),
    # ---- extensions ----------------------------------------------------------------------------
    ("extension-nul", EXTENSION, chunked(b"5;a=\x00\r\nhello\r\n0\r\n\r\n"), 400),
    ("extension-control", EXTENSION, chunked(b"5;a=\x01\r\nhello\r\n0\r\n\r\n"), 400),
    ("extension-lf", EXTENSION, chunked(b"5;a\nhello\r\n0\r\n\r\n"), 400),
    ("extension-lf-hides-chunk", EXTENSION, chunked(b"2;\nxx\r\n4c\r\n0\r\n\r\n"), 400),
    ("extension-cr", EXTENSION, chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), 400),
    ("extension-no-semicolon", EXTENSION, chunked(b"5 a=b\r\nhello\r\n0\r\n\r\n"), 400),
    ("extension-long", EXTENSION, chunked(b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"), 400),
    ("extension-endless", EXTENSION, chunked(b"5;" + b"a" * 300000), 400),
    ("extension-on-last-lf", EXTENSION, chunked(b"5\r\nhello\r\n0;a\n\r\n"), 400),
    # ---- trailers ------------------------------------------------------------------------------
    ("trailer-no-colon", TRAILERS, chunked(b"5\r\nhello\r\n0\r\nX-A\r\n\r\n"), 400),
    ("trailer-space-colon", SPACE, chunked(b"5\r\nhello\r\n0\r\nX-A : b\r\n\r\n"), 400),
    ("trailer-empty-name", NAME, chunked(b"5\r\nhello\r\n0\r\n: b\r\n\r\n"), 400),
    ("trailer-fold", FOLD, chunked(b"5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n"), 400),
    ("trailer-nul", VALUE, chunked(b"5\r\nhello\r\n0\r\nX-A: b\x00\r\n\r\n"), 400),
    ("trailer-lf", ENDING, chunked(b"5\r\nhello\r\n0\r\nX-A: b\n\r\n"), 400),
    ("trailer-cr", ENDING, chunked(b"5\r\nhello\r\n0\r\nX-A: b\rX: c\r\n\r\n"), 400),
    ("trailer-length", TRAILERS, chunked(b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"), 400),
    ("trailer-coding", TRAILERS,
     chunked(b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400),
    ("trailer-host", TRAILERS, chunked(b"5\r\nhello\r\n0\r\nHost: other.example\r\n\r\n"), 400),
    ("trailer-authorization", TRAILERS,
     chunked(b"5\r\nhello\r\n0\r\nAuthorization: Basic eA==\r\n\r\n"), 400),
    ("trailer-bytes", "RFC 6585 5",
     chunked(b"5\r\nhello\r\n0\r\nX-A: " + b"a" * 20000 + b"\r\n\r\n"), 431),
    ("trailer-count", "RFC 6585 5",
     chunked(b"5\r\nhello\r\n0\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(100)) + b"\r\n"),
     431),
    ("trailer-endless", "RFC 6585 5", chunked(b"5\r\nhello\r\n0\r\nX-A: " + b"a" * 200000), 431),
]

# ---- responses of origins ------------------------------------------------------------------------


def reply(*lines, line=b"HTTP/1.1 200 OK", body=b""):
    return b"\r\n".join([line, *lines]) + b"\r\n\r\n" + body


def first(line):
    return reply(b"Content-Length: 5", line=line, body=b"taint")


def sized(value):
    return reply(b"Content-Length: " + value, body=b"taint")


def in_chunks(body, *lines):
    return reply(b"Transfer-Encoding: chunked", *lines, body=body)


STATUS = "RFC 9112 4"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </taint>\r\n\r\n"

REFUSED = [
    ("nothing", STATUS, b""),
    ("garbage", STATUS, b"taint taint taint\r\n\r\n"),
    ("body-alone", STATUS, b"<html>taint</html>\r\n\r\n"),
    ("binary", STATUS, bytes(range(256)) + b"\r\n\r\n"),
    ("request", STATUS, b"GET /taint HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("line-no-status", STATUS, first(b"HTTP/1.1")),
    ("line-no-status-space", STATUS, first(b"HTTP/1.1 ")),
    ("line-two-digits", STATUS, first(b"HTTP/1.1 20 OK")),
    ("line-four-digits", STATUS, first(b"HTTP/1.1 2000 OK")),
    ("line-letters", STATUS, first(b"HTTP/1.1 abc OK")),
    ("line-letter-inside", STATUS, first(b"HTTP/1.1 2x0 OK")),
    ("line-zero", STATUS, first(b"HTTP/1.1 000 OK")),
    ("line-099", STATUS, first(b"HTTP/1.1 099 OK")),
    ("line-600", "RFC 9110 15", first(b"HTTP/1.1 600 Odd")),
    ("line-999", "RFC 9110 15", first(b"HTTP/1.1 999 Odd")),
    ("line-minus", STATUS, first(b"HTTP/1.1 -20 OK")),
    ("line-version-2", VERSION, first(b"HTTP/2.0 200 OK")),
    ("line-version-0.9", VERSION, first(b"HTTP/0.9 200 OK")),
    ("line-version-long", VERSION, first(b"HTTP/1.10 200 OK")),
    ("line-version-case", VERSION, first(b"http/1.1 200 OK")),
    ("line-other-protocol", VERSION, first(b"ICY 200 OK")),
    ("line-two-spaces", STATUS, first(b"HTTP/1.1  200 OK")),
    ("line-tab", STATUS, first(b"HTTP/1.1\t200 OK")),
    ("line-leading-space", STATUS, first(b" HTTP/1.1 200 OK")),
    ("line-no-space-before-reason", STATUS, first(b"HTTP/1.1 200OK")),
    ("reason-nul", STATUS, first(b"HTTP/1.1 200 O\x00K")),
    ("reason-control", STATUS, first(b"HTTP/1.1 200 O\x01K")),
    ("reason-cr", ENDING, first(b"HTTP/1.1 200 O\rK")),
    ("lf-everywhere", ENDING, b"HTTP/1.1 200 OK\nContent-Length: 5\n\ntaint"),
    ("lf-field", ENDING, reply(b"X: y\nX-Taint: 1", b"Content-Length: 5", body=b"taint")),
    ("cr-in-value", ENDING, reply(b"X: y\rX-Taint: 1", b"Content-Length: 5", body=b"taint")),
    ("value-nul", VALUE, reply(b"X: \x00taint", b"Content-Length: 5", body=b"taint")),
    ("value-control", VALUE, reply(b"X: \x07taint", b"Content-Length: 5", body=b"taint")),
    ("name-space", SPACE, reply(b"X : taint", b"Content-Length: 5", body=b"taint")),
    ("name-length-space", SPACE, reply(b"Content-Length : 5", body=b"taint")),
    ("name-empty", NAME, reply(b": taint", b"Content-Length: 5", body=b"taint")),
    ("name-latin", NAME, reply(b"X\xe9: taint", b"Content-Length: 5", body=b"taint")),
    ("name-no-colon", FIELD, reply(b"taint", b"Content-Length: 5", body=b"taint")),
    ("fold", FOLD, reply(b"X: y", b" taint", b"Content-Length: 5", body=b"taint")),
    ("fold-first", FOLD, reply(b" X: taint", b"Content-Length: 5", body=b"taint")),
    ("length-minus", LENGTH, sized(b"-5")),
    ("length-plus", LENGTH, sized(b"+5")),
    ("length-word", LENGTH, sized(b"five")),
    ("length-empty", LENGTH, sized(b"")),
    ("length-hex", LENGTH, sized(b"0x5")),
    ("length-space-inside", LENGTH, sized(b"5 5")),
    ("length-2-to-64", LENGTH, sized(b"18446744073709551621")),
    ("length-list-same", FRAMING, sized(b"5, 5")),
    ("length-list-differs", FRAMING, sized(b"5, 6")),
    ("length-twice-same", FRAMING,
     reply(b"Content-Length: 5", b"Content-Length: 5", body=b"taint")),
    ("length-twice-differs", FRAMING,
     reply(b"Content-Length: 5", b"Content-Length: 50", body=b"taint")),
    ("coding-and-length", FRAMING,
     in_chunks(b"5\r\ntaint\r\n0\r\n\r\n", b"Content-Length: 5")),
    ("length-and-coding", FRAMING,
     reply(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"5\r\ntaint\r\n0\r\n\r\n")),
    ("coding-twice", CODING, in_chunks(b"0\r\n\r\n", b"Transfer-Encoding: chunked")),
    ("coding-list-twice", CODING, reply(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")),
    ("coding-gzip", CODING, reply(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
    ("coding-unknown", CODING, reply(b"Transfer-Encoding: cow", body=b"taint")),
    ("coding-in-1.0", CODING,
     reply(b"Transfer-Encoding: chunked", line=b"HTTP/1.0 200 OK",
           body=b"5\r\ntaint\r\n0\r\n\r\n")),
    ("head-cut-in-line", STATUS, b"HTTP/1.1 200 O"),
    ("head-cut-in-fields", FIELD, b"HTTP/1.1 200 OK\r\nX-Taint: 1\r\nContent-Le"),
    ("head-cut-before-end", FIELD, b"HTTP/1.1 200 OK\r\nX-Taint: 1\r\n"),
    ("head-bytes", "RFC 9110 5.4", reply(b"X-Taint: " + b"a" * 300000, b"Content-Length: 0")),
    ("head-fields", "RFC 9110 5.4", reply(*[b"X-%d: taint" % i for i in range(600)],
                                          b"Content-Length: 0")),
    ("head-endless", "RFC 9110 5.4", b"HTTP/1.1 200 OK\r\nX-Taint: " + b"a" * 1000000),
    ("interim-then-nothing", "RFC 9110 15.2", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ("interim-malformed", "RFC 9110 15.2",
     b"HTTP/1.1 103 Early\r\nX : taint\r\n\r\n" + sized(b"5")),
    ("switch-unasked", "RFC 9110 15.2.2",
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: taint\r\n\r\ntaint"),
]

# These may let interim responses through before the 502.
REFUSED_LATE = [
    ("interim-endless", "RFC 9110 15.2", EARLY * 100 + sized(b"5")),
    ("interim-then-garbage", "RFC 9110 15.2", EARLY + b"taint\r\n\r\n"),
]

CUT = [
    ("length-short", "RFC 9112 8", reply(b"Content-Length: 50", body=b"short")),
    ("length-no-body", "RFC 9112 8", reply(b"Content-Length: 50")),
    ("chunk-cut-in-data", "RFC 9112 8", in_chunks(b"a\r\nshort")),
    ("chunk-cut-after-data", "RFC 9112 8", in_chunks(b"5\r\nshort")),
    ("chunk-cut-after-chunk", "RFC 9112 8", in_chunks(b"5\r\nshort\r\n")),
    ("chunk-cut-in-size", "RFC 9112 8", in_chunks(b"5\r\nshort\r\n1")),
    ("chunk-cut-after-zero", "RFC 9112 8", in_chunks(b"5\r\nshort\r\n0\r\n")),
    ("chunk-cut-in-trailers", "RFC 9112 8", in_chunks(b"5\r\nshort\r\n0\r\nX-T: 1\r\n")),
    ("chunk-none", "RFC 9112 8", in_chunks(b"")),
    ("chunk-no-hex", CHUNKS, in_chunks(b"5\r\nshort\r\nXYZ\r\ntaint\r\n0\r\n\r\n")),
    ("chunk-0x", CHUNKS, in_chunks(b"5\r\nshort\r\n0x5\r\ntaint\r\n0\r\n\r\n")),
    ("chunk-minus", CHUNKS, in_chunks(b"5\r\nshort\r\n-5\r\ntaint\r\n0\r\n\r\n")),
    ("chunk-space", CHUNKS, in_chunks(b"5\r\nshort\r\n5 \r\ntaint\r\n0\r\n\r\n")),
    ("chunk-too-long", CHUNKS, in_chunks(b"5\r\nshorttaint\r\n0\r\n\r\n")),
    ("chunk-overflow", CHUNKS, in_chunks(b"5\r\nshort\r\nfffffffffffffffff\r\ntaint\r\n0\r\n\r\n")),
    ("chunk-lf-size", CHUNKS, in_chunks(b"5\r\nshort\r\n5\ntaint\r\n0\r\n\r\n")),
    ("chunk-lf-data", CHUNKS, in_chunks(b"5\r\nshort\n5\r\ntaint\r\n0\r\n\r\n")),
    ("chunk-extension-cr", EXTENSION, in_chunks(b"5\r\nshort\r\n5;a\rb\r\ntaint\r\n0\r\n\r\n")),
    ("chunk-extension-long", EXTENSION,
     in_chunks(b"5\r\nshort\r\n5;" + b"a" * 5000 + b"\r\ntaint\r\n0\r\n\r\n")),
    ("trailer-no-colon", TRAILERS, in_chunks(b"5\r\nshort\r\n0\r\ntaint\r\n\r\n")),
    ("trailer-fold", FOLD, in_chunks(b"5\r\nshort\r\n0\r\nX: y\r\n taint\r\n\r\n")),
    ("trailer-nul", VALUE, in_chunks(b"5\r\nshort\r\n0\r\nX: \x00\r\n\r\n")),
    ("trailer-bytes", TRAILERS,
     in_chunks(b"5\r\nshort\r\n0\r\nX-Taint: " + b"a" * 20000 + b"\r\n\r\n")),
]
