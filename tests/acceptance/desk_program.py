"""An MCP server as a program: one tool looks things up, the other writes an order into a ledger."""

import os
from pathlib import Path

from mcp.server import MCPServer
from mcp.types import ToolAnnotations


def prices(fruit: str) -> str:
    """What a fruit costs."""
    return f"{fruit}: 3 EUR"


def order(fruit: str, count: int) -> str:
    """Orders fruit."""
    with Path(os.environ["LEDGER"]).open("a") as ledger:
        ledger.write(f"{count} {fruit}\n")
    return f"Ordered {count} {fruit}."


if __name__ == "__main__":
    server = MCPServer("desk", log_level="CRITICAL")
    server.add_tool(prices, annotations=ToolAnnotations(read_only_hint=True))
    server.add_tool(order)
    server.run()
