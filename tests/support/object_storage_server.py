"""A real server of the S3 protocol (moto) in this process's own thread, with one bucket and no outside world."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest

BUCKET = "battles"


@contextmanager
def s3_server(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the server, point the libraries at it by their environment, and yield the URL of a new bucket."""
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[s3], flask and flask-cors are not installed")
    import boto3
    import fsspec

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # What an earlier server of this process was given is still there.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    try:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield f"s3://{BUCKET}"
    finally:
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        server.stop()
