"""The block for nginx in dashboard/README.md, tried: a path of a site, the WebSocket, and a Host that is rewritten."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dashboards import Person, RunningDashboard, free_port
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
README = Path(__file__).parents[3] / "dashboard" / "README.md"


@contextmanager
def nginx(block: str, folder: Path) -> Iterator[int]:
    """Run nginx with a block of a server; yields its port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        message = "nginx is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    port = free_port()
    paths = "".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}\n"
        f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port}; {block} }} }}\n"
    )
    with subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")]) as server:
        try:
            yield port
        finally:
            server.terminate()


@pytest.mark.parametrize("host", ["kept", "rewritten"])
def test_the_page_lives_behind_the_block_of_the_readme(
    browser: Browser, judges: Path, tmp_path: Path, host: str
) -> None:
    block = re.search(r"```nginx\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    if host == "rewritten":
        block = block.replace("    proxy_set_header Host $http_host;\n", "")
    port = free_port()
    with nginx(block.replace(":5006/", f":{port}/"), tmp_path) as outside:
        server = {"port": port, "origins": [f"localhost:{outside}"], "trusted_proxies": ["127.0.0.1"]}
        with (
            RunningDashboard({"judges": str(judges), "server": server}, tmp_path) as running,
            Person(browser, f"http://localhost:{outside}/judge/") as person,
        ):
            person.ask("Why was 1900 not a leap year when 2000 was?")
            person.stage("open")
            person.page.keyboard.press("1")
            person.stage("voted")
            assert len(running.rows("SELECT id FROM votes")) == 1
            inside = re.compile(rf"https?://localhost:{outside}/judge/|data:|blob:")
            assert not [each for each in person.fetched if not inside.match(each)]
