"""A Slack workspace on one's own machine: to try an app in, and as the Slack of its tests.

async with LocalSlack.start(manifest=None) as slack:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    ...  # connect the app over Socket Mode with slack.app_token
    ada = slack.person("Ada")
    asked = await ada.mention("general", "hello")
    answer = await ada.wait_for(asked, lambda message: "hello" in message.text)
    await ada.click(answer, "Approve")
    assert slack.refused == []
"""

from bot.localslack.errors import NotSeen, PersonError
from bot.localslack.modal import Home, Modal, Submission
from bot.localslack.person import Person
from bot.localslack.recorder import Call, Envelope
from bot.localslack.seen import Message, Thread
from bot.localslack.server import LocalSlack
from bot.localslack.welcome import Directive, Example, Welcome

__all__ = [
    "Call",
    "Directive",
    "Envelope",
    "Example",
    "Home",
    "LocalSlack",
    "Message",
    "Modal",
    "NotSeen",
    "Person",
    "PersonError",
    "Submission",
    "Thread",
    "Welcome",
]
