"""Replies that a server of OpenAI's protocol should not send, byte by byte, by name."""

import gzip
import json

VERDICT = json.dumps({"choices": [{"message": {"content": "[[A]]"}, "finish_reason": "stop"}]}).encode()
EVENT = b'data: {"choices": [{"delta": {"content": "[[A]]"}, "finish_reason": "stop"}]}'


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a reply with its length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


GARBLED = {
    "empty": http(b""),
    "no content": http(b"", "204 No Content"),
    "null": http(b"null"),
    "list": http(b"[" + VERDICT + b"]"),
    "deep": http(b'{"choices": ' + b"[" * 100_000),
    "digits": http(b'{"choices": [{"message": {"content": "A"}}], "usage": ' + b"9" * 5000 + b"}"),
    "no choices": http(b'{"choices": []}'),
    "null choices": http(b'{"choices": null}'),
    "a number": http(b'{"choices": [{"message": {"content": 7}}]}'),
    "utf-16": http(VERDICT.decode().encode("utf-16")),
    "not gzip": http(b"plain", "200 OK", "Content-Encoding: gzip"),
    "half gzip": http(gzip.compress(VERDICT)[:-20], "200 OK", "Content-Encoding: gzip"),
    "cut events": http(b'data: {"choices": [{"delta": {"content": "[[A"}}]}\n\n'),
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nhello\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": b"",
    "error": http(b'{"error": {"message": "out of credits", "code": 402}}'),
    "error text": http(b'{"error": "the model\\nis loading"}'),
    "error event": http(b'data: {"error": {"message": "CUDA out of memory"}}\n\n'),
    "busy": http(b'{"error": {"message": "slow down", "code": 429}}'),
    "odd wait": http(b"{}", "429 Too Many Requests", "Retry-After: nan"),
    "gzip of an error": http(b"plain", "500 Oh", "Content-Encoding: gzip"),
    "moved": http(b"", "307 Temporary Redirect", "Location: http://elsewhere.example/v1/chat/completions"),
    "login": http(b"", "302 Found", "Location: /login"),
    "moved to nowhere": http(b"", "308 Permanent Redirect"),
    "other scheme": http(b"", "307 Temporary Redirect", "Location: gopher://x/"),
}
"""None of these is a verdict."""

UNUSUAL = {
    "byte order mark": http(b"\xef\xbb\xbf" + VERDICT),
    "parts": http(b'{"choices": [{"message": {"content": [{"type": "text", "text": "[[A]]"}, {"type": "x"}]}}]}'),
    "gzip": http(gzip.compress(VERDICT), "200 OK", "Content-Encoding: gzip"),
    "comments": http(b": wait\n\nevent: message\n" + EVENT + b"\r\n\r\n: wait\n\n" + EVENT[:5] + b"[DONE]\n\n"),
    "latin-1": http(VERDICT.replace(b"A]]", b"A]] \xe9")),
    "odd usage": http(VERDICT[:-1] + b', "usage": {"prompt_tokens": -5, "completion_tokens": "many"}}'),
    "odd logprobs": http(
        VERDICT[:-3]
        + b","
        + json.dumps(
            {
                "logprobs": {
                    "content": [
                        {
                            "token": "A",
                            "logprob": float("nan"),
                            "top_logprobs": [{"token": "B", "logprob": float("-inf")}],
                        }
                    ]
                }
            }
        ).encode()[1:]
        + b"]}"
    ),
}
"""All of these say A."""
