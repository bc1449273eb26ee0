"""What the terminal says of a run."""

import pytest

from orchestrator.store.tables import Request, RequestKind, Run
from orchestrator.terminal.view import View, need


@pytest.fixture
def view():
    run = Run(team_id="local", name="R-TEST", task="Tea", requester="ada")
    return View(run, None, None, {}, (), (), None)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("grüße.txt", '"grüße.txt"'),
        ("a\u202etxt.exe", r'"a\u202etxt.exe"'),
        ("\x9b2J", r'"\u009b2J"'),
    ],
)
def test_who_allows_a_tool_sees_its_exact_arguments(view, path, shown):
    data = {"name": "read_file", "arguments": {"path": path}, "is_cut_off": False}
    request = Request(run_id=view.run.id, kind=RequestKind.TOOL, data=data)
    assert need(view, request).endswith(f'read_file {{"path": {shown}}}')
