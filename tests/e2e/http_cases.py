"""HTTP/1.1 as bytes (RFC 9110, RFC 9112), to port 80 of the stack, which serves a directory with a file `hello` ("hello, world\\n") a directory
`sub` with index.html, links that lead out, and a file `../secret`. Prints a line for each case.
"""

import socket
import sys

STACK = ("10.9.0.2", 80)
HOST = b"Host: vitrine.test\r\n"
failures = 0


def ask(raw, pieces=1):
    """Sends bytes, closes our side, returns all that comes back."""
    sock = socket.create_connection(STACK, timeout=15)
    size = (len(raw) + pieces - 1) // pieces
    for i in range(0, len(raw), size):
        sock.sendall(raw[i:i + size])
    sock.shutdown(socket.SHUT_WR)
    data = b""
    try:
        while part := sock.recv(65536):
            data += part
    except ConnectionResetError:
        data += b"<reset>"
    sock.close()
    return data


def statuses(data):
    """The status of each answer in a row; bodies are skipped by their Content-Length."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        found.append(int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else data[:40])
        if not isinstance(found[-1], int):
            break
        length = field(head, b"content-length")
        data = rest[int(length or 0):]
    return found


def field(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


def unchunked(data):
    """RFC 9112 7.1; the chunks need not be those that were sent."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return body if data == b"\r\n" else None
        body += data[:length]
        if data[length:length + 2] != b"\r\n":
            return None
        data = data[length + 2:]


def case(name, good, seen):
    global failures
    if good:
        print("ok http: %s" % name)
    else:
        failures += 1
        print("not ok http: %s: %r" % (name, seen))
    sys.stdout.flush()


def expect(name, raw, status):
    seen = ask(raw)
    case("%s: %d" % (name, status), statuses(seen)[:1] == [status], seen[:300])


def request(target=b"/hello", fields=b"", method=b"GET", version=b"HTTP/1.1", body=b""):
    return method + b" " + target + b" " + version + b"\r\n" + HOST + fields + b"\r\n" + body


def errors():
    expect("no such file", request(b"/nothing"), 404)
    expect("DELETE", request(method=b"DELETE"), 405)
    expect("a method that does not exist", request(method=b"BREW"), 501)
    expect("a target of 9,000 bytes", request(b"/" + b"a" * 9000), 414)
    expect("20,000 bytes of fields", request(fields=b"X: " + b"a" * 20000 + b"\r\n"), 431)
    expect("200 fields", request(fields=b"X: y\r\n" * 200), 431)
    expect("HTTP/2.0", request(version=b"HTTP/2.0"), 505)
    expect("no Host", b"GET /hello HTTP/1.1\r\n\r\n", 400)
    expect("two Hosts", request(fields=HOST), 400)
    expect("a space before the colon", request(fields=b"X : y\r\n"), 400)
    expect("a folded field", request(fields=b"X: y\r\n z\r\n"), 400)
    expect("a bare CR", request(fields=b"X: y\rz\r\n"), 400)
    expect("Content-Length twice", request(fields=b"Content-Length: 1\r\nContent-Length: 2\r\n"), 400)
    expect("Content-Length and chunks",
           request(b"/echo", b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"POST"), 400)
    expect("a negative Content-Length", request(fields=b"Content-Length: -1\r\n"), 400)
    expect("a NUL", request(b"/hel\x00lo"), 400)
    expect("nonsense", b"\x00\x01\x02\r\n\r\n", 400)
    seen = ask(request(method=b"DELETE"))
    case("405 says what is allowed", field(seen.split(b"\r\n\r\n")[0], b"allow") == b"GET, HEAD", seen)


def ways_out():
    for target in (b"/../secret", b"/%2e%2e/secret", b"/sub/../../secret", b"/..%2fsecret",
                   b"/./../secret", b"//../secret", b"/sub/%2e%2e/%2e%2e/secret", b"/link",
                   b"/absolute", b"/linkdir/passwd"):
        seen = ask(request(target))
        case("no way out by %s" % target.decode(),
             statuses(seen)[0] in (400, 404) and b"SECRET" not in seen and b"root:" not in seen, seen[:300])


def answers():
    seen = ask(request())
    head, _, body = seen.partition(b"\r\n\r\n")
    case("GET", body == b"hello, world\n" and field(head, b"content-length") == b"13", seen)
    case("a Date", len(field(head, b"date") or b"") == 29, head)
    seen = ask(request(method=b"HEAD"))
    head, _, body = seen.partition(b"\r\n\r\n")
    case("HEAD", body == b"" and field(head, b"content-length") == b"13", seen)
    seen = ask(request(b"/sub/"))
    case("a directory's index.html", seen.endswith(b"<p>index</p>\n"), seen)
    seen = ask(request(b"/%68ello"))
    case("percent-encoding", seen.endswith(b"hello, world\n"), seen)
    seen = ask(request(), pieces=1000)
    case("byte by byte", seen.endswith(b"hello, world\n"), seen)
    seen = ask(b"GET /hello HTTP/1.0\r\n\r\n")
    case("HTTP/1.0", statuses(seen) == [200] and seen.endswith(b"hello, world\n"), seen)


def ranges():
    for text, part, shown in ((b"0-4", b"hello", b"bytes 0-4/13"), (b"7-", b"world\n", b"bytes 7-12/13"),
                              (b"-6", b"world\n", b"bytes 7-12/13"), (b"0-99", b"hello, world\n", b"bytes 0-12/13")):
        seen = ask(request(fields=b"Range: bytes=" + text + b"\r\n"))
        head, _, body = seen.partition(b"\r\n\r\n")
        case("Range %s" % text.decode(), head.startswith(b"HTTP/1.1 206 ") and body == part and
             field(head, b"content-range") == shown, seen)
    expect("Range beyond the end", request(fields=b"Range: bytes=13-\r\n"), 416)


def many_in_one():
    seen = ask(request() * 3 + request(b"/nothing") + request(fields=b"Connection: close\r\n") + request())
    case("pipelining: five answers in order, none after close",
         statuses(seen) == [200, 200, 200, 404, 200], seen[-300:])
    body = bytes(range(256)) * 40
    post = request(b"/echo", b"Content-Length: %d\r\n" % len(body), b"POST", body=body)
    seen = ask(post + request())
    case("POST /echo, then GET", statuses(seen) == [200, 200] and body in seen, seen[:200])
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (b"one", b"two" * 1000, b"three")) + b"0\r\n\r\n"
    seen = ask(request(b"/echo", b"Transfer-Encoding: chunked\r\n", b"POST", body=chunks))
    head, _, body = seen.partition(b"\r\n\r\n")
    case("POST /echo in chunks", field(head, b"transfer-encoding") == b"chunked" and
         unchunked(body) == b"one" + b"two" * 1000 + b"three", seen[:300])
    seen = ask(request(b"/hello", b"Content-Length: 5\r\n", b"GET", body=b"12345") + request())
    case("a GET with a body", statuses(seen) == [200, 200], seen[:300])


errors()
ways_out()
answers()
ranges()
many_in_one()
sys.exit(failures > 0)
