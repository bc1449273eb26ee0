"""A Slack without a network, which may refuse for a while. By the driven clock."""

from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.web_client import Budgets, WebClient
from tests.driven_clock import now, passes


class LimitedSlack(WebClient):
    """Answers what `answer` makes of the arguments, or refuses until `open_at`; notes when it was
    asked.

    A refusal that says when to come again has a `retry_after`. A call takes `call_s`.
    """

    def __init__(self, *, budgets=None, token="xoxb-1", call_s=0.1):
        super().__init__(budgets or Budgets(), token=token)
        self.asked_at = []
        self.open_at = 0.0
        self.code = "ratelimited"
        self.retry_after = "30"
        self.call_s = call_s

    def answer(self, given):
        """What comes back beside `ok`."""
        return {}

    async def _send(self, http_verb, api_url, req_args):
        self.asked_at.append(now())
        is_refused = now() < self.open_at
        await passes(self.call_s)
        data, headers, status = {"ok": True, **self.answer(req_args.get("params"))}, {}, 200
        if is_refused:
            data = {"ok": False, "error": self.code}
        if is_refused and self.code == "ratelimited":
            headers, status = {"Retry-After": self.retry_after}, 429
        answer = AsyncSlackResponse(
            client=self,
            http_verb=http_verb,
            api_url=api_url,
            req_args=req_args,
            data=data,
            headers=headers,
            status_code=status,
        )
        return answer.validate()
