# SPDX-License-Identifier: MIT
"""Messages that look odd and are right: each must reach the origin unharmed.

(id, paragraph, bytes, what the origin must see). The last is a dict with any of
  method, target, host, body     as the origin reads them (method default GET, target "/odd")
  fields   {name: value}         the joined value the origin must see; None: absent
  status   what the client gets  (default 200)
Every message ends the connection or is followed by nothing, so one response is all there is.
"""

H = b"Host: test.example\r\n"


def get(fields=b"", line=b"GET /odd HTTP/1.1", host=H):
    return line + b"\r\n" + host + fields + b"\r\n"


def chunked(body, fields=b""):
    return (b"POST /odd HTTP/1.1\r\n" + H + fields + b"Transfer-Encoding: chunked\r\n\r\n" + body)


def sees(method="GET", target="/odd", **more):
    return {"method": method, "target": target, **more}


POSTED = sees("POST", body=b"hello")

UNUSUAL = [
    # ---- targets -------------------------------------------------------------------------------
    ("absolute-form", "RFC 9112 3.2.2",
     get(line=b"GET http://test.example/odd?x=1 HTTP/1.1"),
     sees(target="/odd?x=1", host="test.example")),
    ("absolute-form-upper-case", "RFC 9110 4.2.3",
     get(line=b"GET HTTP://TEST.example/odd HTTP/1.1", host=b"Host: TEST.example\r\n"), sees()),
    ("absolute-form-no-path", "RFC 9112 3.2.2",
     get(line=b"GET http://test.example HTTP/1.1"), sees(target="/")),
    ("absolute-form-no-path-query", "RFC 9112 3.2.1",
     get(line=b"GET http://test.example?x=1 HTTP/1.1"), sees(target="/?x=1")),
    ("absolute-form-port", "RFC 9112 3.2.2",
     get(line=b"GET http://test.example:81/odd HTTP/1.1", host=b"Host: test.example:81\r\n"),
     sees(host="test.example:81")),
    ("absolute-form-1.0-no-host", "RFC 9112 3.2",
     get(line=b"GET http://test.example/odd HTTP/1.0", host=b""), sees(host="test.example")),
    ("options-asterisk", "RFC 9112 3.2.4", get(line=b"OPTIONS * HTTP/1.1"),
     sees("OPTIONS", "*", host="test.example")),
    ("options-absolute-no-path", "RFC 9112 3.2.4",
     get(line=b"OPTIONS http://test.example HTTP/1.1"),
     sees("OPTIONS", "*", host="test.example")),
    ("query-empty", "RFC 3986 3.4", get(line=b"GET /odd? HTTP/1.1"), sees(target="/odd?")),
    ("query-question-marks", "RFC 3986 3.4", get(line=b"GET /odd?a?b??c HTTP/1.1"),
     sees(target="/odd?a?b??c")),
    ("query-slashes-dots", "RFC 3986 3.4", get(line=b"GET /odd?../../x/%2e%2F HTTP/1.1"),
     sees(target="/odd?../../x/%2e%2F")),
    ("query-percent-loose", "RFC 9112 3.2", get(line=b"GET /odd?100%25 HTTP/1.1"),
     sees(target="/odd?100%25")),
    ("path-percent-kept", "RFC 3986 6.2.2", get(line=b"GET /odd/%7Euser%20x HTTP/1.1"),
     sees(target="/odd/%7Euser%20x")),
    ("path-lower-percent-kept", "RFC 3986 6.2.2", get(line=b"GET /odd/%c3%a9 HTTP/1.1"),
     sees(target="/odd/%c3%a9")),
    ("path-sub-delims", "RFC 3986 3.3", get(line=b"GET /odd/!$&'()*+,;=:@-._~ HTTP/1.1"),
     sees(target="/odd/!$&'()*+,;=:@-._~")),
    ("path-double-slash-inside", "RFC 3986 3.3", get(line=b"GET /odd//x/// HTTP/1.1"),
     sees(target="/odd//x///")),
    ("target-8000-bytes", "RFC 9112 3",
     get(line=b"GET /" + b"a" * 7999 + b" HTTP/1.1"), sees(target="/" + "a" * 7999)),
    # ---- methods -------------------------------------------------------------------------------
    ("method-lower-case", "RFC 9110 9.1", get(line=b"get /odd HTTP/1.1"), sees("get")),
    ("method-one-letter", "RFC 9110 9.1", get(line=b"X /odd HTTP/1.1"), sees("X")),
    ("method-punctuation", "RFC 9110 5.6.2", get(line=b"M-SEARCH /odd HTTP/1.1"),
     sees("M-SEARCH")),
    ("method-all-token-marks", "RFC 9110 5.6.2", get(line=b"!#$%&'*+-.^_`|~ /odd HTTP/1.1"),
     sees("!#$%&'*+-.^_`|~")),
    ("method-propfind-body", "RFC 4918 9.1",
     get(b"Content-Length: 5\r\n", b"PROPFIND /odd HTTP/1.1") + b"hello",
     sees("PROPFIND", body=b"hello")),
    ("head", "RFC 9110 9.3.2", get(line=b"HEAD /odd HTTP/1.1"), sees("HEAD")),
    ("get-with-body", "RFC 9110 9.3.1", get(b"Content-Length: 5\r\n") + b"hello",
     sees(body=b"hello")),
    ("delete-with-body", "RFC 9110 9.3.5",
     get(b"Content-Length: 5\r\n", b"DELETE /odd HTTP/1.1") + b"hello",
     sees("DELETE", body=b"hello")),
    ("post-empty", "RFC 9110 8.6", get(b"Content-Length: 0\r\n", b"POST /odd HTTP/1.1"),
     sees("POST", body=b"", fields={"content-length": "0"})),
    ("get-length-zero", "RFC 9110 8.6", get(b"Content-Length: 0\r\n"), sees(body=b"")),
    # ---- versions ------------------------------------------------------------------------------
    ("http-1.0", "RFC 9112 2.3", get(line=b"GET /odd HTTP/1.0"), sees(host="test.example")),
    ("http-1.0-no-host", "RFC 9112 3.2", get(line=b"GET /odd HTTP/1.0", host=b""), sees()),
    ("http-1.2", "RFC 9110 2.5", get(line=b"GET /odd HTTP/1.2"), sees()),
    ("http-1.9", "RFC 9110 2.5", get(line=b"GET /odd HTTP/1.9"), sees()),
    ("http-1.0-body", "RFC 9112 6.3",
     b"POST /odd HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", POSTED),
    # ---- before the request line ---------------------------------------------------------------
    ("leading-crlf", "RFC 9112 2.2", b"\r\n" + get(), sees()),
    # ---- fields --------------------------------------------------------------------------------
    ("names-upper-case", "RFC 9110 5.1",
     get(b"X-ODD: v\r\n", host=b"HOST: test.example\r\n"),
     sees(host="test.example", fields={"x-odd": "v"})),
    ("names-mixed-case", "RFC 9110 5.1",
     get(b"cOnTeNt-LeNgTh: 5\r\n", b"POST /odd HTTP/1.1") + b"hello", POSTED),
    ("name-all-token-marks", "RFC 9110 5.1", get(b"!#$%&'*+-.^_`|~: v\r\n"),
     sees(fields={"!#$%&'*+-.^_`|~": "v"})),
    ("name-underscore", "RFC 9110 5.1", get(b"x_odd: v\r\n"), sees(fields={"x_odd": "v"})),
    ("name-digit", "RFC 9110 5.1", get(b"7: v\r\n"), sees(fields={"7": "v"})),
    ("value-empty", "RFC 9110 5.5", get(b"X-Odd:\r\n"), sees(fields={"x-odd": ""})),
    ("value-blank", "RFC 9110 5.5", get(b"X-Odd: \t \r\n"), sees(fields={"x-odd": ""})),
    ("value-no-space", "RFC 9112 5", get(b"X-Odd:v\r\n"), sees(fields={"x-odd": "v"})),
    ("value-tabs-around", "RFC 9110 5.5", get(b"X-Odd:\t v \t\r\n"), sees(fields={"x-odd": "v"})),
    ("value-tab-inside", "RFC 9110 5.5", get(b"X-Odd: a\tb\r\n"), sees(fields={"x-odd": "a\tb"})),
    ("value-obs-text", "RFC 9110 5.5", get(b"X-Odd: caf\xe9 \xff\x80\r\n"),
     sees(fields={"x-odd": "caf\xe9 \xff\x80"})),
    ("value-utf8", "RFC 9110 5.5", get("X-Odd: né\r\n".encode()),
     sees(fields={"x-odd": "né".encode().decode("latin-1")})),
    ("value-colons", "RFC 9110 5.5", get(b"X-Odd: a:b: c\r\n"), sees(fields={"x-odd": "a:b: c"})),
    ("value-colon-first", "RFC 9110 5.5", get(b"X-Odd::v\r\n"), sees(fields={"x-odd": ":v"})),
    ("value-quotes", "RFC 9110 5.6.4", get(b"X-Odd: \"a, \\\"b\"\r\n"),
     sees(fields={"x-odd": "\"a, \\\"b\""})),
    ("value-looks-like-request", "RFC 9110 5.5", get(b"X-Odd: GET / HTTP/1.1\r\n"),
     sees(fields={"x-odd": "GET / HTTP/1.1"})),
    ("value-30-kilobytes", "RFC 9110 5.4", get(b"X-Odd: " + b"v" * 30000 + b"\r\n"),
     sees(fields={"x-odd": "v" * 30000})),
    ("repeated-keeps-order", "RFC 9110 5.3", get(b"X-Odd: 1\r\nOther: x\r\nx-odd: 2\r\n"),
     sees(fields={"x-odd": "1, 2"})),
    ("repeated-cookie", "RFC 6265 5.4", get(b"Cookie: a=1\r\nCookie: b=2\r\n"),
     sees(fields={"cookie": "a=1, b=2"})),
    ("95-fields", "RFC 9110 5.4", get(b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(95))),
     sees(fields={"x-0": "0", "x-94": "94"})),
    ("unknown-te-in-value", "RFC 9110 10.1.4", get(b"TE: deflate;q=0.5\r\n"),
     sees(fields={"transfer-encoding": None})),
    # ---- Host ----------------------------------------------------------------------------------
    ("host-empty", "RFC 9110 7.2", get(host=b"Host:\r\n"), sees()),
    ("host-upper-case", "RFC 9110 4.2.3", get(host=b"Host: TEST.Example\r\n"), sees()),
    ("host-last", "RFC 9112 3.2", get(H, host=b"X-Odd: 1\r\n"), sees(host="test.example")),
    ("host-port", "RFC 9110 7.2", get(host=b"Host: test.example:8080\r\n"),
     sees(host="test.example:8080")),
    ("host-ipv4", "RFC 3986 3.2.2", get(host=b"Host: 192.0.2.7:80\r\n"), sees(host="192.0.2.7:80")),
    ("host-ipv6", "RFC 3986 3.2.2", get(host=b"Host: [2001:db8::7]:80\r\n"),
     sees(host="[2001:db8::7]:80")),
    ("host-underscore", "RFC 3986 3.2.2", get(host=b"Host: my_app.test\r\n"),
     sees(host="my_app.test")),
    ("host-trailing-dot", "RFC 3986 3.2.2", get(host=b"Host: test.example.\r\n"), sees()),
    # ---- lengths -------------------------------------------------------------------------------
    ("length-leading-zeros", "RFC 9110 8.6",
     get(b"Content-Length: 0000000005\r\n", b"POST /odd HTTP/1.1") + b"hello", POSTED),
    ("length-spaces-around", "RFC 9110 5.5",
     get(b"Content-Length: \t 5 \t\r\n", b"POST /odd HTTP/1.1") + b"hello", POSTED),
    ("body-looks-like-request", "RFC 9112 6",
     get(b"Content-Length: 35\r\n", b"POST /odd HTTP/1.1") +
     b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"[:35],
     sees("POST", body=b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"[:35])),
    ("body-binary", "RFC 9110 6.4",
     get(b"Content-Length: 256\r\n", b"POST /odd HTTP/1.1") + bytes(range(256)),
     sees("POST", body=bytes(range(256)))),
    # ---- chunks --------------------------------------------------------------------------------
    ("chunked", "RFC 9112 7.1", chunked(b"5\r\nhello\r\n0\r\n\r\n"), POSTED),
    ("chunked-on-get", "RFC 9112 7.1",
     get(b"Transfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n0\r\n\r\n", sees(body=b"hello")),
    ("chunked-upper-case", "RFC 9112 7",
     get(b"Transfer-Encoding: CHUNKED\r\n", b"POST /odd HTTP/1.1") + b"5\r\nhello\r\n0\r\n\r\n",
     POSTED),
    ("chunked-mixed-name", "RFC 9110 5.1",
     get(b"tRANSFER-eNCODING: Chunked\r\n", b"POST /odd HTTP/1.1") + b"5\r\nhello\r\n0\r\n\r\n",
     POSTED),
    ("chunked-tab-before", "RFC 9110 5.5",
     get(b"Transfer-Encoding:\tchunked \r\n", b"POST /odd HTTP/1.1") + b"5\r\nhello\r\n0\r\n\r\n",
     POSTED),
    ("chunk-empty", "RFC 9112 7.1", chunked(b"0\r\n\r\n"), sees("POST", body=b"")),
    ("chunk-bytes", "RFC 9112 7.1",
     chunked(b"".join(b"1\r\n%c\r\n" % c for c in b"hello") + b"0\r\n\r\n"), POSTED),
    ("chunk-hex-lower", "RFC 9112 7.1", chunked(b"a\r\nhellohello\r\n0\r\n\r\n"),
     sees("POST", body=b"hellohello")),
    ("chunk-hex-upper", "RFC 9112 7.1", chunked(b"A\r\nhellohello\r\n0\r\n\r\n"),
     sees("POST", body=b"hellohello")),
    ("chunk-15-digits", "RFC 9112 7.1",
     chunked(b"000000000000005\r\nhello\r\n000000000000000\r\n\r\n"), POSTED),
    ("chunk-data-has-crlf", "RFC 9112 7.1", chunked(b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
     sees("POST", body=b"\r\n0\r\n\r\n")),
    ("extension", "RFC 9112 7.1.1", chunked(b"5;name=value\r\nhello\r\n0\r\n\r\n"), POSTED),
    ("extension-no-value", "RFC 9112 7.1.1", chunked(b"5;name\r\nhello\r\n0;last\r\n\r\n"), POSTED),
    ("extension-quoted", "RFC 9112 7.1.1",
     chunked(b"5;name=\"a;b\\\"c\"\r\nhello\r\n0\r\n\r\n"), POSTED),
    ("extension-several", "RFC 9112 7.1.1", chunked(b"5;a;b=c;d=\"e\"\r\nhello\r\n0\r\n\r\n"),
     POSTED),
    ("extension-white-space", "RFC 9112 7.1.1",
     chunked(b"5; a = b ;c\r\nhello\r\n0\r\n\r\n"), POSTED),
    ("trailers", "RFC 9112 7.1.2", chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-T: 2\r\n\r\n",
                                           b"Trailer: X-Sum\r\n"), POSTED),
    # ---- hop by hop ----------------------------------------------------------------------------
    ("connection-odd-list", "RFC 9110 5.6.1", get(b"Connection: ,, X-Odd ,\r\nX-Odd: 1\r\n"),
     sees(fields={"x-odd": None})),
    ("connection-two-lines", "RFC 9110 7.6.1",
     get(b"Connection: x-a\r\nX-A: 1\r\nX-B: 2\r\nConnection: X-B\r\n"),
     sees(fields={"x-a": None, "x-b": None})),
    ("connection-names-host", "RFC 9110 7.6.1", get(b"Connection: host\r\n"),
     sees(host="test.example")),
    ("upgrade-without-connection", "RFC 9110 7.8", get(b"Upgrade: websocket\r\n"),
     sees(fields={"upgrade": None})),
    ("proxy-connection", "RFC 9112 C.2.2", get(b"Proxy-Connection: keep-alive\r\n"),
     sees(fields={"proxy-connection": None})),
]
