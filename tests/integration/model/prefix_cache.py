"""The cache of the Messages API as its documentation describes it, for a service in a test."""

import hashlib
import json

LEAST_TOKENS = 1_024
KEPT_S = 300
LOOKBACK = 20


class PrefixCache:
    """Keeps beginnings of requests up to their marks, once the first answer has begun."""

    def __init__(self, clock):
        self._clock = clock
        self._used = {}
        self.usages = []

    def take(self, body):
        """What `body` uses, and what to call when its answer begins."""
        blocks = list(_blocks(body))
        marks = [n for n, block in enumerate(blocks) if block.is_marked]
        assert len(marks) <= 4
        read = max((self._read(blocks, mark) for mark in marks), default=0)
        kept = [blocks[n] for n in marks if blocks[n].tokens >= LEAST_TOKENS]
        written = max((block.tokens for block in kept), default=0)
        usage = {
            "input_tokens": blocks[-1].tokens - max(written, read),
            "output_tokens": 5,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": max(written - read, 0),
        }
        self.usages.append(usage)
        return usage, lambda: self._used.update({b.key: self._clock() for b in kept})

    def _read(self, blocks, mark):
        for block in reversed(blocks[max(mark - LOOKBACK + 1, 0) : mark + 1]):
            if self._clock() - self._used.get(block.key, -KEPT_S) < KEPT_S:
                return block.tokens
        return 0


class _Block:
    def __init__(self, key, tokens, *, is_marked):
        self.key, self.tokens, self.is_marked = key, tokens, is_marked


def _blocks(body):
    """Every block of the request, each with what it and all before it come to."""
    read = hashlib.sha256(json.dumps([body["model"], body.get("output_config")]).encode())
    tokens = 0
    for block in _parts(body):
        bare = json.dumps({k: v for k, v in block.items() if k != "cache_control"})
        read.update(bare.encode())
        tokens += len(bare) // 4
        yield _Block(read.hexdigest(), tokens, is_marked="cache_control" in block)


def _parts(body):
    yield from body.get("tools", [])
    yield from body.get("system", [])
    for message in body["messages"]:
        content = message["content"]
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content
