"""The bot as a process whose model never answers for the purposes named as arguments."""

import asyncio
import sys

from bot.app import run_socket_mode
from bot.settings import BotSettings
from orchestrator.model.base import Purpose
from tests.acceptance.conftest import HeldModel

if __name__ == "__main__":
    held = HeldModel(*(Purpose(name) for name in sys.argv[1:]), begins="Of apples I can say ")
    asyncio.run(run_socket_mode(BotSettings.load(), held))
