"""Chromium and WordPress get on, and Tornado's tests are not in the browser's way."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

from tests.wordpress import WordPress
from tests.wordpress.signing_in import sign_in


class Hello(RequestHandler):
    def get(self) -> None:
        self.write("hello")


@pytest.fixture
def app() -> Application:
    return Application([("/", Hello)])


def test_administrator_signs_in(site: WordPress, page: Page) -> None:
    page.goto(f"{site.url}/wp-admin/")
    sign_in(page, site.user, site.password)

    expect(page.get_by_role("heading", name="Dashboard", exact=True)).to_be_visible()
    assert site.php_log() == ""


@pytest.mark.gen_test
async def test_tornado_after_the_browser(http_client: AsyncHTTPClient, http_port: int) -> None:
    response = await http_client.fetch(f"http://localhost:{http_port}/")

    assert response.body == b"hello"


def test_asyncio_after_the_browser() -> None:
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"


def test_browser_after_tornado(page: Page) -> None:
    page.set_content("<p>here</p>")

    assert page.inner_text("p") == "here"


def test_loop_is_the_one_of_the_test(io_loop: IOLoop) -> None:
    assert IOLoop.current() is io_loop


def test_unmarked_coroutine_ends_the_run(tmp_path: Path) -> None:
    forgotten = tmp_path / "test_forgotten.py"
    forgotten.write_text("async def test_nothing():\n    raise AssertionError\n", encoding="utf-8")

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "--rootdir",
            tmp_path,
            "-c",
            "tox.ini",
            forgotten,
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "test_forgotten.py::test_nothing is `async def`, but not marked" in done.stdout + done.stderr
