"""What workers can do beyond answering: built-in tools, MCP servers, tools of the model service."""
