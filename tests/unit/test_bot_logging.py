"""Nothing that opens a door reaches a log."""

import json
import subprocess
import sys

import pytest

from bot.logging import scrub


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-1234-abcDEF",
        "xoxp-1234-abcDEF",
        "xoxe.xoxb-1-abc",
        "xapp-1-A0-abc",
        "sk-ant-api03-abc_DEF-1",
    ],
)
def test_tokens_and_keys_are_taken_out(secret):
    event = scrub(None, "info", {"event": f"token {secret}, used", "url": f"x?token={secret}&a=1"})
    assert secret not in str(event)
    assert event["event"].startswith("token [secret]")
    assert event["url"].endswith("&a=1")


def test_a_password_in_an_address_is_taken_out():
    event = scrub(None, "info", {"event": "postgresql://ada:hunter2@db.example/orchestrator"})
    assert event["event"] == "postgresql://[secret]db.example/orchestrator"


def test_everything_else_stays():
    event = {"event": "thread_not_shown", "run": "R-7F3K", "again_in_s": 1.5}
    assert scrub(None, "info", dict(event)) == event


def test_a_logged_exception_is_one_line_of_json_without_the_token():
    program = (
        "import structlog; from bot import logging; logging.configure()\n"
        "try: raise ValueError('xoxb-1-secret')\n"
        "except ValueError: structlog.get_logger('bot.x').exception('broke', key='sk-ant-secret')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    (line,) = done.stderr.strip().splitlines()
    assert json.loads(line)["event"] == "broke"
    assert "ValueError" in line
    for secret in ("xoxb-1", "sk-ant-s"):
        assert secret not in line


def test_a_librarys_warning_is_logged_without_the_token():
    program = (
        "import logging as standard; from bot import logging; logging.configure()\n"
        "standard.getLogger('slack_sdk').warning('with %s', 'xoxb-1-secret')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stderr)["event"] == "with [secret]"
