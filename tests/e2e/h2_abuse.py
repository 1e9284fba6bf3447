# SPDX-License-Identifier: MIT
"""What HTTP/2 clients must not do, and what looks odd and is right.

A case is a function that is given a connection (lib/h2.py: preface and SETTINGS are sent already,
unless `greet` is False) and plays; its decorator says which paragraph it is about and what must come
of it:
  conn(code)      the connection ends with a GOAWAY of that code
  stream(code)    stream 1 is reset with that code, and the connection goes on
  malformed       stream 1 is reset with PROTOCOL_ERROR, or gets a 4xx or 501, and no origin has
                  seen it complete; the connection goes on
  served(status)  stream 1 is answered with that status, and the connection goes on
  ignored         nothing happens to the connection
  ended           the connection ends; a GOAWAY may be lost with what we still had to send
  ("ignored", codes)   that, or a stream or connection error of one of these codes
  ("either", codes)    stream 1 gets one of these statuses or codes, or the connection does
  ("answered", codes)  stream 1 gets one of these statuses; then the connection may end
A new case needs nothing else.
"""
import struct

import hyperframe.frame as frames

from lib import h2
from lib.h2 import (COMPRESSION_ERROR, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR,
                    PROTOCOL_ERROR, STREAM_CLOSED, raw_frame)

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
WINDOW_MAX = (1 << 31) - 1
MANY = 20000  # more than any flood limit, and still a moment's work

CASES = []
FLOODS = []


def conn(*codes):
    return ("conn", codes)


def stream(*codes):
    return ("stream", codes)


def served(status=200):
    return ("served", (status,))


malformed = ("malformed", ())
ignored = ("ignored", ())
ended = ("ended", ())


def case(paragraph, expect, greet=True, table=None):
    def note(play):
        (CASES if table is None else table).append((play.__name__, paragraph, expect, greet, play))
        return play
    return note


def flood(paragraph):
    """Ends its connection, and only it."""
    return case(paragraph, conn(ENHANCE_YOUR_CALM), table=FLOODS)


def variants(paragraph, expect, **each):
    """A case for each name; `play(c, value)` is given the value."""
    def note(play):
        for name, value in each.items():
            CASES.append((f"{play.__name__}_{name}", paragraph, expect, True,
                          lambda c, value=value: play(c, value)))
        return play
    return note


def open_stream(c, method="POST", path="/hold", extra=()):
    """A request whose body is still to come and whose answer does not come before it."""
    return c.request(method, path, extra, end=False)


def send_fields(c, fields, end=True):
    number = c.stream_id()
    c.send(c.headers_frame(number, fields, end))


def setting(number, value):
    return raw_frame(SETTINGS, 0, 0, struct.pack(">HI", number, value))


# ---- the connection's beginning ----------------------------------------------------------------

@case("RFC 9113 3.4", ended, greet=False)
def preface_is_wrong(c):
    c.send_raw(h2.PREFACE[:-8] + b"XX\r\n\r\n\0\0" + setting(3, 100))


@case("RFC 9113 3.4", ended, greet=False)
def preface_is_cut(c):
    c.send_raw(h2.PREFACE[:10])
    c.sock.shutdown(1)


@case("RFC 9113 3.4", conn(PROTOCOL_ERROR), greet=False)
def first_frame_is_a_ping(c):
    c.send_raw(h2.PREFACE + raw_frame(PING, 0, 0, bytes(8)))


@case("RFC 9113 3.4", conn(PROTOCOL_ERROR), greet=False)
def first_frame_is_an_acknowledgement(c):
    c.send_raw(h2.PREFACE + raw_frame(SETTINGS, ACK, 0, b""))


@case("RFC 9113 3.4", conn(PROTOCOL_ERROR), greet=False)
def first_frame_is_a_request(c):
    c.send_raw(h2.PREFACE)
    c.request()


# ---- frames ------------------------------------------------------------------------------------

@case("RFC 9113 4.1", served())
def reserved_bit_is_set(c):
    number = c.stream_id()
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, number | 1 << 31,
                         c.encode(c.request_fields())))


@case("RFC 9113 4.1", served())
def unknown_flags_are_set(c):
    number = c.stream_id()
    c.send_raw(raw_frame(HEADERS, 0xd2 | END_STREAM | END_HEADERS, number,
                         c.encode(c.request_fields())))


@case("RFC 9113 4.1", served())
def unknown_frame_type(c):
    c.send_raw(raw_frame(0xee, 0xff, 0, b"whatever") + raw_frame(0xee, 0, 7, b""))
    c.request()


@case("RFC 9113 4.2", conn(FRAME_SIZE_ERROR))
def data_frame_larger_than_allowed(c):
    number = open_stream(c)
    c.send_raw(raw_frame(DATA, 0, number, bytes(16385)))


@case("RFC 9113 4.2", conn(FRAME_SIZE_ERROR))
def headers_frame_larger_than_allowed(c):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, bytes(16385)))


@case("RFC 9113 4.2", conn(FRAME_SIZE_ERROR))
def frame_of_16_mb_announced(c):
    c.send_raw(raw_frame(PING, 0, 0, bytes(8), length=(1 << 24) - 1))


@case("RFC 9113 4.2", conn(FRAME_SIZE_ERROR))
def unknown_frame_larger_than_allowed(c):
    c.send_raw(raw_frame(0xee, 0, 0, bytes(16385)))


@case("RFC 9113 4.3", conn(COMPRESSION_ERROR))
def header_block_is_cut(c):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1,
                         c.encode(c.request_fields())[:-3]))


@case("RFC 9113 4.3", conn(PROTOCOL_ERROR))
def data_between_headers_and_continuation(c):
    c.send(c.headers_frame(1, c.request_fields(), end=False, complete=False))
    c.data(1, b"x")


@case("RFC 9113 4.3", conn(PROTOCOL_ERROR))
def ping_between_headers_and_continuation(c):
    c.send(c.headers_frame(1, c.request_fields(), complete=False))
    c.send_raw(raw_frame(PING, 0, 0, bytes(8)))


@case("RFC 9113 5.5", conn(PROTOCOL_ERROR))
def unknown_frame_between_headers_and_continuation(c):
    c.send(c.headers_frame(1, c.request_fields(), complete=False))
    c.send_raw(raw_frame(0xee, 0, 0, b""))


# ---- streams -----------------------------------------------------------------------------------

@variants("RFC 9113 5.1", conn(PROTOCOL_ERROR), data=(DATA, b"x"), reset=(RST_STREAM, bytes(4)),
          window=(WINDOW_UPDATE, b"\0\0\0\1"))
def frame_on_an_idle_stream(c, what):
    c.send_raw(raw_frame(what[0], 0, 7, what[1]))


@variants("RFC 9113 5.1", conn(STREAM_CLOSED), data=DATA, headers=HEADERS)
def frame_after_end_stream(c, kind):
    number = c.request("GET", "/wait")
    block = c.encode([("x-late", "1")]) if kind == HEADERS else b"x"
    c.send_raw(raw_frame(kind, END_STREAM | (END_HEADERS if kind == HEADERS else 0), number, block))


@case("RFC 9113 5.1", ignored)
def window_update_after_the_answer(c):
    number = c.request()
    c.response(number)
    c.open_window(number, 1000)


@case("RFC 9113 5.1", ignored)
def reset_after_the_answer(c):
    number = c.request()
    c.response(number)
    c.rst(number)


@case("RFC 9113 5.1", ("ignored", (STREAM_CLOSED, PROTOCOL_ERROR)))
def data_after_our_own_reset(c):
    number = open_stream(c)
    c.rst(number)
    c.data(number, b"x" * 100, end=True)


@case("RFC 9113 5.1.1", conn(PROTOCOL_ERROR))
def stream_number_is_even(c):
    c.send(c.headers_frame(2, c.request_fields()))


@case("RFC 9113 5.1.1", ("ignored", (STREAM_CLOSED, PROTOCOL_ERROR)))
def stream_number_goes_back(c):
    c.next_id = 5
    c.response(c.request())
    c.send(c.headers_frame(3, c.request_fields()))
    c.next_id = 7


@case("RFC 9113 5.1.1", served())
def stream_numbers_are_skipped(c):
    c.next_id = 1
    c.response(c.request())
    c.next_id = 1001
    assert c.get().status == 200


@case("RFC 9113 5.1.2", conn(PROTOCOL_ERROR, h2.REFUSED_STREAM))
def more_streams_than_allowed(c):
    c.read_until(lambda: c.acks and c.their)
    for _ in range(c.their[h2.MAX_CONCURRENT_STREAMS] + 1):
        open_stream(c)


# ---- DATA --------------------------------------------------------------------------------------

@case("RFC 9113 6.1", conn(PROTOCOL_ERROR))
def data_on_stream_0(c):
    c.send_raw(raw_frame(DATA, 0, 0, b"x"))


@variants("RFC 9113 6.1", conn(PROTOCOL_ERROR), all_of_it=b"\x05abcd", more=b"\xffabcd")
def data_padding_too_long(c, payload):
    number = open_stream(c)
    c.send_raw(raw_frame(DATA, PADDED, number, payload))


@case("RFC 9113 6.1", conn(FRAME_SIZE_ERROR, PROTOCOL_ERROR))
def padded_data_without_pad_length(c):
    number = open_stream(c)
    c.send_raw(raw_frame(DATA, PADDED, number, b""))


@case("RFC 9113 6.1", served())
def padded_data(c):
    number = c.request("POST", "/echo", end=False)
    c.send_raw(raw_frame(DATA, PADDED, number, b"\x0ahello" + bytes(10)) +
               raw_frame(DATA, PADDED | END_STREAM, number, b"\x00"))
    assert c.response(number).body == b"hello"


# ---- HEADERS and CONTINUATION ------------------------------------------------------------------

@case("RFC 9113 6.2", conn(PROTOCOL_ERROR))
def headers_on_stream_0(c):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 0, c.encode(c.request_fields())))


@case("RFC 9113 6.2", conn(PROTOCOL_ERROR))
def headers_padding_too_long(c):
    c.send_raw(raw_frame(HEADERS, PADDED | END_STREAM | END_HEADERS, 1,
                         b"\xff" + c.encode(c.request_fields())))


@case("RFC 9113 6.2", served())
def padded_headers_with_priority(c):
    number = c.stream_id()
    c.send_raw(raw_frame(HEADERS, PADDED | PRIORITIZED | END_STREAM | END_HEADERS, number,
                         b"\x07" + struct.pack(">IB", 0, 200) + c.encode(c.request_fields()) +
                         bytes(7)))


@case("RFC 9113 6.2", conn(FRAME_SIZE_ERROR))
def headers_too_short_for_their_priority(c):
    c.send_raw(raw_frame(HEADERS, PRIORITIZED | END_STREAM | END_HEADERS, 1, b"\0\0"))


@case("RFC 9113 6.10", served())
def headers_in_ten_continuations(c):
    number = c.stream_id()
    block = c.encode(c.request_fields(extra=[("x-long", "v" * 200)]))
    step = len(block) // 10 + 1
    pieces = [block[i:i + step] for i in range(0, len(block), step)]
    c.send_raw(raw_frame(HEADERS, END_STREAM, number, pieces[0]) + b"".join(
        raw_frame(CONTINUATION, END_HEADERS if piece is pieces[-1] else 0, number, piece)
        for piece in pieces[1:]))


@case("RFC 9113 6.10", served())
def empty_headers_with_all_in_a_continuation(c):
    number = c.stream_id()
    c.send_raw(raw_frame(HEADERS, END_STREAM, number, b"") +
               raw_frame(CONTINUATION, END_HEADERS, number, c.encode(c.request_fields())))


@case("RFC 9113 6.10", conn(PROTOCOL_ERROR))
def continuation_alone(c):
    c.send_raw(raw_frame(CONTINUATION, END_HEADERS, 1, c.encode(c.request_fields())))


@case("RFC 9113 6.10", conn(PROTOCOL_ERROR))
def continuation_after_the_block_is_complete(c):
    number = open_stream(c)
    c.send_raw(raw_frame(CONTINUATION, END_HEADERS, number, c.encode([("x", "y")])))


@case("RFC 9113 6.10", conn(PROTOCOL_ERROR))
def continuation_of_another_stream(c):
    c.send(c.headers_frame(1, c.request_fields(), complete=False))
    c.send_raw(raw_frame(CONTINUATION, END_HEADERS, 3, c.encode([("x", "y")])))


# ---- PRIORITY and RFC 9218 ---------------------------------------------------------------------

@case("RFC 9113 6.3", ("ignored", (PROTOCOL_ERROR,)))
def priority_on_stream_0(c):
    c.send_raw(raw_frame(PRIORITY, 0, 0, bytes(5)))


@case("RFC 9113 6.3", ("ignored", (FRAME_SIZE_ERROR,)))
def priority_of_4_bytes(c):
    number = open_stream(c)
    c.send_raw(raw_frame(PRIORITY, 0, number, bytes(4)))


@case("RFC 9113 6.3", served())
def priority_of_an_idle_stream(c):
    c.send_raw(raw_frame(PRIORITY, 0, 9, struct.pack(">IB", 0, 15)))
    c.request()


@case("RFC 9113 5.3.2", ("ignored", (PROTOCOL_ERROR,)))
def priority_depends_on_itself(c):
    number = open_stream(c)
    c.send_raw(raw_frame(PRIORITY, 0, number, struct.pack(">IB", number, 15)))


@case("RFC 9113 5.3.2", ("ignored", (PROTOCOL_ERROR,)))
def headers_depend_on_themselves(c):
    number = c.stream_id()
    c.send_raw(raw_frame(HEADERS, PRIORITIZED | END_STREAM | END_HEADERS, number,
                         struct.pack(">IB", number, 15) + c.encode(c.request_fields())))


@case("RFC 9113 5.3.2", served())
def priorities_in_a_ring(c):
    c.send_raw(b"".join(raw_frame(PRIORITY, 0, a, struct.pack(">IB", b | 1 << 31, 255))
                        for a, b in ((3, 5), (5, 7), (7, 3))))
    c.request()


@case("RFC 9218 2.1", conn(PROTOCOL_ERROR))
def setting_no_rfc7540_priorities_is_2(c):
    c.send_raw(setting(9, 2))


@case("RFC 9218 4", served())
def priority_field_is_nonsense(c):
    c.request(extra=[("priority", "u=99, i=?7, ;;;")])


@case("RFC 9218 7.1", ("ignored", (PROTOCOL_ERROR,)))
def priority_update_on_a_stream(c):
    number = open_stream(c)
    c.send_raw(raw_frame(PRIORITY_UPDATE, 0, number, struct.pack(">I", number) + b"u=1"))


@case("RFC 9218 7.1", ("ignored", (PROTOCOL_ERROR,)))
def priority_update_of_stream_0(c):
    c.send_raw(raw_frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 0) + b"u=1"))


@case("RFC 9218 7.1", ("ignored", (FRAME_SIZE_ERROR,)))
def priority_update_of_2_bytes(c):
    c.send_raw(raw_frame(PRIORITY_UPDATE, 0, 0, b"\0\0"))


@case("RFC 9218 7.1", served())
def priority_update_before_its_stream(c):
    c.send_raw(raw_frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", c.next_id) + b"u=1, i"))
    c.request()


# ---- RST_STREAM --------------------------------------------------------------------------------

@case("RFC 9113 6.4", conn(PROTOCOL_ERROR))
def reset_of_stream_0(c):
    c.send_raw(raw_frame(RST_STREAM, 0, 0, bytes(4)))


@variants("RFC 9113 6.4", conn(FRAME_SIZE_ERROR), three=3, five=5)
def reset_of_wrong_size(c, size):
    number = open_stream(c)
    c.send_raw(raw_frame(RST_STREAM, 0, number, bytes(size)))


@case("RFC 9113 7", ignored)
def reset_with_an_unknown_code(c):
    c.rst(open_stream(c), 0xdeadbeef)


# ---- SETTINGS ----------------------------------------------------------------------------------

@case("RFC 9113 6.5", conn(PROTOCOL_ERROR))
def settings_on_a_stream(c):
    c.send_raw(raw_frame(SETTINGS, 0, 1, b""))


@variants("RFC 9113 6.5", conn(FRAME_SIZE_ERROR), five=5, seven=7)
def settings_of_wrong_size(c, size):
    c.send_raw(raw_frame(SETTINGS, 0, 0, bytes(size)))


@case("RFC 9113 6.5", conn(FRAME_SIZE_ERROR))
def acknowledgement_with_settings(c):
    c.send_raw(raw_frame(SETTINGS, ACK, 0, struct.pack(">HI", 3, 100)))


@variants("RFC 9113 6.5.2", conn(PROTOCOL_ERROR), push_2=(2, 2), frame_16383=(5, 16383),
          frame_16777216=(5, 1 << 24))
def setting_out_of_range(c, pair):
    c.send_raw(setting(*pair))


@case("RFC 9113 6.5.2", conn(FLOW_CONTROL_ERROR))
def setting_initial_window_too_large(c):
    c.send_raw(setting(4, 1 << 31))


@case("RFC 9113 6.5.2", served())
def unknown_setting(c):
    c.send_raw(setting(0xfafa, 12345))
    c.request()


@case("RFC 9113 6.5.3", served())
def settings_twice_in_a_frame(c):
    c.send_raw(raw_frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, 1, 4, 65535)))
    c.request()


@case("RFC 8441 3", conn(PROTOCOL_ERROR))
def setting_connect_protocol_is_2(c):
    c.send_raw(setting(8, 2))


# ---- PUSH_PROMISE, PING, GOAWAY ----------------------------------------------------------------

@case("RFC 9113 8.4", conn(PROTOCOL_ERROR))
def push_by_a_client(c):
    number = open_stream(c)
    c.send_raw(raw_frame(PUSH_PROMISE, END_HEADERS, number,
                         struct.pack(">I", 2) + c.encode(c.request_fields())))


@variants("RFC 9113 6.7", conn(FRAME_SIZE_ERROR), seven=7, nine=9)
def ping_of_wrong_size(c, size):
    c.send_raw(raw_frame(PING, 0, 0, bytes(size)))


@case("RFC 9113 6.7", conn(PROTOCOL_ERROR))
def ping_on_a_stream(c):
    c.send_raw(raw_frame(PING, 0, 1, bytes(8)))


@case("RFC 9113 6.7", ignored)
def ping_answer_that_nobody_asked_for(c):
    c.send_raw(raw_frame(PING, ACK, 0, b"surprise"))


@case("RFC 9113 6.8", conn(PROTOCOL_ERROR))
def goaway_on_a_stream(c):
    c.send_raw(raw_frame(GOAWAY, 0, 1, bytes(8)))


@case("RFC 9113 6.8", conn(FRAME_SIZE_ERROR))
def goaway_of_7_bytes(c):
    c.send_raw(raw_frame(GOAWAY, 0, 0, bytes(7)))


@case("RFC 9113 6.8", ("answered", (200,)))
def goaway_while_a_request_is_under_way(c):
    number = c.request("POST", "/echo", end=False)
    c.send_raw(raw_frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0) + b"bye"))
    c.data(number, b"still here", end=True)


# ---- flow control ------------------------------------------------------------------------------

@case("RFC 9113 6.9", conn(PROTOCOL_ERROR))
def window_update_of_0_for_the_connection(c):
    c.send_raw(raw_frame(WINDOW_UPDATE, 0, 0, bytes(4)))


@case("RFC 9113 6.9", ("either", (PROTOCOL_ERROR,)))
def window_update_of_0_for_a_stream(c):
    number = open_stream(c)
    c.send_raw(raw_frame(WINDOW_UPDATE, 0, number, bytes(4)))


@variants("RFC 9113 6.9", conn(FRAME_SIZE_ERROR), three=3, five=5)
def window_update_of_wrong_size(c, size):
    c.send_raw(raw_frame(WINDOW_UPDATE, 0, 0, b"\1" * size))


@case("RFC 9113 6.9.1", conn(FLOW_CONTROL_ERROR))
def window_of_the_connection_overflows(c):
    c.open_window(0, WINDOW_MAX)


@case("RFC 9113 6.9.1", ("either", (FLOW_CONTROL_ERROR,)))
def window_of_a_stream_overflows(c):
    number = open_stream(c)
    c.open_window(number, WINDOW_MAX)


@case("RFC 9113 6.9.2", ("either", (FLOW_CONTROL_ERROR,)))
def window_of_a_stream_overflows_by_a_setting(c):
    number = open_stream(c)
    c.open_window(number, WINDOW_MAX - 65535)
    c.send_raw(setting(4, WINDOW_MAX))


@case("RFC 9113 6.9.1", ("either", (FLOW_CONTROL_ERROR,)))
def more_data_than_a_window_holds(c):
    number = open_stream(c, path="/stuck")
    c.send_raw(raw_frame(DATA, 0, number, bytes(16384)) * 80)


@case("RFC 9113 6.9.1", ("either", (FLOW_CONTROL_ERROR,)))
def more_data_than_the_connections_window_holds(c):
    numbers = [open_stream(c, path="/stuck") for _ in range(40)]
    for number in numbers:
        c.send_raw(raw_frame(DATA, 0, number, bytes(16384)) * 3)


@case("RFC 9113 6.9.2", served())
def window_of_a_stream_goes_below_zero(c):
    c.window = False
    number = c.request("GET", "/big")
    c.read_until(lambda: len(c.streams[number].body) >= 65535)
    c.send_raw(setting(4, 0))
    c.settle()
    assert len(c.streams[number].body) == 65535
    c.send_raw(setting(4, 65535))
    c.window = True
    c.open_window(0, 1 << 24)
    c.open_window(number, 1 << 24)


# ---- HPACK -------------------------------------------------------------------------------------

@variants("RFC 7541 2.3.3", conn(COMPRESSION_ERROR), index_0=b"\x80", index_70=b"\xc6",
          name_index_70=b"\x7f\x07\x01a")
def hpack_index_of_nothing(c, block):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, block))


@variants("RFC 7541 5.1", conn(COMPRESSION_ERROR), index=b"\xff" + b"\xff" * 20 + b"\x7f",
          length=b"\x00\x7f" + b"\xff" * 20 + b"\x7f")
def hpack_integer_overflows(c, block):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, block))


@variants("RFC 7541 5.2", conn(COMPRESSION_ERROR),
          end_of_string=b"\x00\x84\xff\xff\xff\xff\x01a", padding_of_zeros=b"\x00\x81\x18\x01a",
          padding_of_a_byte=b"\x00\x82\x1f\xff\x01a")
def hpack_huffman_is_wrong(c, block):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, block))


@case("RFC 7541 5.2", conn(COMPRESSION_ERROR))
def hpack_string_longer_than_its_block(c):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x00\x20abc"))


@case("RFC 7541 6.3", conn(COMPRESSION_ERROR))
def hpack_table_larger_than_allowed(c):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1,
                         b"\x3f\xe1\xff\x03" + c.encode(c.request_fields())))


@case("RFC 7541 4.2", conn(COMPRESSION_ERROR))
def hpack_table_size_at_the_end_of_a_block(c):
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, 1,
                         c.encode(c.request_fields()) + b"\x20"))


@case("RFC 7541 4.2", served())
def hpack_table_of_nothing(c):
    c.encoder.header_table_size = 0
    c.request()


@case("RFC 9113 10.5.1", ("either", (431, PROTOCOL_ERROR, ENHANCE_YOUR_CALM, h2.INTERNAL_ERROR)))
def hpack_bomb(c):
    # One entry of 4,000 bytes in the table, then two bytes for each time it is meant: 16,000 times.
    entry = c.encode([("x", "b" * 4000)])
    block = c.encode(c.request_fields()) + entry + b"\xbe" * (16384 - 4300)
    number = c.stream_id()
    c.send_raw(raw_frame(HEADERS, END_STREAM | END_HEADERS, number, block[:16384]))


@case("RFC 9113 10.5.1", ("either", (431, PROTOCOL_ERROR, ENHANCE_YOUR_CALM, h2.INTERNAL_ERROR)))
def header_list_too_long(c):
    number = c.stream_id()
    block = c.encode(c.request_fields(extra=[(f"x-{i}", "v" * 1000) for i in range(90)]))
    c.send_raw(raw_frame(HEADERS, END_STREAM, number, block[:16384]) + b"".join(
        raw_frame(CONTINUATION, END_HEADERS if i + 16384 >= len(block) else 0, number,
                  block[i:i + 16384]) for i in range(16384, len(block), 16384)))


@case("RFC 9113 10.5.1", served(431))
def more_fields_than_allowed(c):
    c.request(extra=[(f"x-{i}", "v") for i in range(101)])


# ---- malformed messages ------------------------------------------------------------------------

@variants("RFC 9113 8.2.1", malformed, upper_case=("X-Upper", "v"), space=("x y", "v"),
          colon=("x:y", "v"), control=("x\x01", "v"), nothing=("", "v"), high=("x\x80", "v"),
          nul_in_value=("x", "a\0b"), cr_in_value=("x", "a\rb"), lf_in_value=("x", "a\nb"),
          space_before_value=("x", " v"), tab_after_value=("x", "v\t"))
def field_is_malformed(c, pair):
    c.request(extra=[tuple(text.encode("latin-1") for text in pair)])


@variants("RFC 9113 8.2.2", malformed, connection=("connection", "close"),
          keep_alive=("keep-alive", "timeout=5"), proxy=("proxy-connection", "keep-alive"),
          upgrade=("upgrade", "websocket"), coding=("transfer-encoding", "chunked"),
          te=("te", "gzip"), te_list=("te", "trailers, deflate"))
def field_of_a_connection(c, pair):
    c.request(extra=[pair])


@case("RFC 9113 8.2.2", served())
def te_trailers(c):
    c.request(extra=[("te", "trailers")])


@case("RFC 9113 8.2.3", served())
def cookie_in_pieces(c):
    number = c.request("GET", "/cookie", extra=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")])
    assert c.response(number).body == b"a=1; b=2"


PSEUDO = {":method": "GET", ":scheme": "http", ":authority": "test.example", ":path": "/"}


def without(*names):
    return [(n, v) for n, v in PSEUDO.items() if n not in names]


def with_value(name, value):
    return [(n, value if n == name else v) for n, v in PSEUDO.items()]


@variants("RFC 9113 8.3.1", malformed, method=":method", scheme=":scheme", path=":path")
def pseudo_field_missing(c, name):
    send_fields(c, without(name))


@variants("RFC 9113 8.3", malformed, method=":method", scheme=":scheme", authority=":authority",
          path=":path")
def pseudo_field_twice(c, name):
    send_fields(c, [*PSEUDO.items(), (name, PSEUDO[name])])


@variants("RFC 9113 8.3", malformed, unknown=(":version", "HTTP/2"), status=(":status", "200"),
          nothing=(":", "x"))
def pseudo_field_unknown(c, pair):
    send_fields(c, [*PSEUDO.items(), pair])


@case("RFC 9113 8.3", malformed)
def pseudo_field_after_others(c):
    send_fields(c, [*without(":path"), ("x", "y"), (":path", "/")])


@case("RFC 9113 8.1", malformed)
def pseudo_field_in_trailers(c):
    number = c.request("POST", "/echo", end=False)
    c.data(number, b"x")
    c.send(c.headers_frame(number, [(":path", "/other")]))


@case("RFC 9113 8.1", malformed)
def second_headers_without_an_end(c):
    number = c.request("POST", "/echo", end=False)
    c.data(number, b"x")
    c.send(c.headers_frame(number, [("x", "y")], end=False))


@variants("RFC 9113 8.3.1", malformed, empty="", no_slash="index.html", absolute="http://a.test/",
          asterisk="*", space="/a b", control="/\x01", high="/\xff", fragment="/a#b")
def path_is_malformed(c, path):
    send_fields(c, [(n, v.encode("latin-1")) for n, v in with_value(":path", path)])


@variants("RFC 9113 8.3.1", malformed, user="user@test.example", path="test.example/x",
          space="a b", control="a\x01", port="test.example:99999")
def authority_is_malformed(c, authority):
    send_fields(c, with_value(":authority", authority))


@case("RFC 9113 8.3.1", malformed)
def host_says_something_else(c):
    send_fields(c, [*PSEUDO.items(), ("host", "other.example")])


@case("RFC 9113 8.3.1", malformed)
def neither_authority_nor_host(c):
    send_fields(c, without(":authority"))


@case("RFC 9113 8.3.1", served())
def host_instead_of_authority(c):
    send_fields(c, [*without(":authority"), ("host", "test.example")])


@variants("RFC 9113 8.3.1", malformed, space="GE T", empty="", control="G\x01")
def method_is_malformed(c, method):
    send_fields(c, with_value(":method", method))


@case("RFC 9113 8.1.1", malformed)
def content_length_of_a_request_that_has_ended(c):
    c.request("POST", "/echo", [("content-length", "5")])


@variants("RFC 9113 8.1.1", malformed, less=b"abc", more=b"abcdefgh")
def content_length_is_a_lie(c, body):
    c.request("POST", "/echo", [("content-length", "5")], body=body)


@variants("RFC 9110 8.6", malformed, list="5, 5", sign="+5", negative="-1", letters="abc",
          huge="99999999999999999999999", empty="")
def content_length_is_malformed(c, value):
    c.request("POST", "/echo", [("content-length", value)], body=b"hello")


@case("RFC 9110 8.6", malformed)
def content_length_twice(c):
    c.request("POST", "/echo", [("content-length", "5"), ("content-length", "6")], body=b"hello")


# ---- CONNECT -----------------------------------------------------------------------------------

@case("RFC 9113 8.5", malformed)
def connect_without_authority(c):
    send_fields(c, [(":method", "CONNECT")], end=False)


@case("RFC 9113 8.5", malformed)
def connect_with_a_path(c):
    send_fields(c, [(":method", "CONNECT"), (":authority", "a.test:443"), (":path", "/")], end=False)


@case("RFC 9113 8.5", malformed)
def connect_to_anywhere(c):
    # A reverse proxy opens no tunnels to where clients like.
    send_fields(c, [(":method", "CONNECT"), (":authority", "127.0.0.1:22")], end=False)


@case("RFC 8441 4", malformed)
def protocol_without_connect(c):
    send_fields(c, [*PSEUDO.items(), (":protocol", "websocket")])


@case("RFC 8441 4", malformed)
def extended_connect_without_path(c):
    send_fields(c, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                    (":authority", "test.example")], end=False)


@case("RFC 8441 4", malformed)
def extended_connect_to_an_unknown_protocol(c):
    send_fields(c, [(":method", "CONNECT"), (":protocol", "no such"), (":scheme", "http"),
                    (":authority", "test.example"), (":path", "/")], end=False)


# ---- floods ------------------------------------------------------------------------------------

@flood("RFC 9113 10.5")
def rapid_reset(c):
    for _ in range(MANY // 40):
        numbers = [c.stream_id() for _ in range(10)]
        c.send(*[f for number in numbers for f in (
            c.headers_frame(number, c.request_fields(path="/wait")),
            frames.RstStreamFrame(number, error_code=h2.CANCEL))])


@flood("RFC 9113 10.5")
def continuations_without_end(c):
    c.send(c.headers_frame(1, c.request_fields(), complete=False))
    c.send_raw(raw_frame(CONTINUATION, 0, 1, c.encode([("x", "y")])) * MANY)


@flood("RFC 9113 10.5")
def empty_continuations_without_end(c):
    c.send(c.headers_frame(1, c.request_fields(), complete=False))
    c.send_raw(raw_frame(CONTINUATION, 0, 1, b"") * MANY)


@flood("RFC 9113 10.5")
def pings(c):
    c.send_raw(raw_frame(PING, 0, 0, bytes(8)) * MANY)


@flood("RFC 9113 10.5")
def settings(c):
    c.send_raw(setting(3, 100) * MANY)


@flood("RFC 9113 10.5")
def empty_settings(c):
    c.send_raw(raw_frame(SETTINGS, 0, 0, b"") * MANY)


@flood("RFC 9113 10.5")
def empty_data(c):
    number = open_stream(c)
    c.send_raw(raw_frame(DATA, 0, number, b"") * MANY)


@flood("RFC 9113 10.5")
def padding_instead_of_data(c):
    number = open_stream(c)
    c.send_raw(raw_frame(DATA, PADDED, number, b"\x00") * MANY)


@flood("RFC 9113 10.5")
def window_updates(c):
    number = open_stream(c)
    c.send_raw(raw_frame(WINDOW_UPDATE, 0, number, b"\0\0\0\1") * MANY)


@flood("RFC 9113 10.5")
def priorities(c):
    c.send_raw(b"".join(raw_frame(PRIORITY, 0, 3 + 2 * (i % 100), struct.pack(">IB", 0, i % 256))
                        for i in range(MANY)))


@flood("RFC 9113 10.5")
def malformed_requests(c):
    for _ in range(MANY // 20):
        c.request(extra=[("connection", "close")])


@flood("RFC 9113 10.5")
def wrong_windows_of_streams(c):
    # Each makes the server reset a stream: what the limit of the client's own resets does not see.
    for _ in range(MANY // 20):
        number = open_stream(c)
        c.open_window(number, WINDOW_MAX)
