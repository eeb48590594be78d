import io

from pipelines.terminal.processes import receive, send


def test_half_a_message_is_none():
    stream = io.BytesIO()
    send(stream, b"12345678")
    assert receive(io.BytesIO(stream.getvalue()[:-1])) is None
    assert receive(io.BytesIO(stream.getvalue()[:5])) is None
    assert receive(io.BytesIO(stream.getvalue())) == b"12345678"
