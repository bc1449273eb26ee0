"""The public reference of Slack's Web API, as `tests/data/slack_reference.json` keeps it."""

import json
from pathlib import Path

REFERENCE = json.loads((Path(__file__).parent / "data/slack_reference.json").read_text())
METHODS = REFERENCE["methods"]
