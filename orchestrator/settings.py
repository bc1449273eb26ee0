"""Settings of the orchestrator, from the environment and an .env file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.dotenv import DOTENV, check_dotenv
from orchestrator.errors import ConfigurationError
from orchestrator.files.limits import Limits

_FILES = Limits()


class Settings(BaseSettings):
    """Each setting is an environment variable: its alias, or ORCHESTRATOR_ and its name.

    `none` takes back a default where nothing is a possible value.
    """

    model_config = SettingsConfigDict(
        env_prefix="ORCHESTRATOR_",
        env_file=DOTENV,
        env_ignore_empty=True,
        env_parse_none_str="none",
        extra="ignore",
        populate_by_name=True,
    )

    database_url: str = Field(
        default="sqlite+aiosqlite:///data/orchestrator.db",
        alias="DATABASE_URL",
        description="Where everything is stored: SQLite for one process, or PostgreSQL.",
    )
    model: Literal["anthropic", "offline"] = Field(
        default="anthropic",
        description="Who answers: `anthropic`, or `offline` for made-up answers without a key.",
    )
    anthropic_api_key: SecretStr | None = Field(
        default=None, alias="ANTHROPIC_API_KEY", description="The key for Claude."
    )
    anthropic_base_url: str | None = Field(
        default=None,
        alias="ANTHROPIC_BASE_URL",
        description="Another server that speaks the Messages API.",
    )
    planner_model: str = Field(
        default="claude-opus-5-5", description="The model that plans, reviews and synthesizes."
    )
    worker_model: str = Field(
        default="claude-sonnet-5-5", description="The model of workers whose role names none."
    )
    fallback_model: str = Field(
        default="claude-sonnet-5", description="The model of last resort on the attempt ladder."
    )
    roles_file: Path | None = Field(
        default=None, description="A YAML file of roles, added to the shipped ones."
    )
    ladder_file: Path | None = Field(
        default=None, description="A YAML file of the attempt ladder, put before the shipped one."
    )
    tools_file: Path | None = Field(
        default=None, description="A YAML file of what workers may use: tools and MCP servers."
    )
    prices_file: Path | None = Field(
        default=None, description="A YAML file of model prices, put before the shipped ones."
    )
    concurrency: int = Field(
        default=10, ge=1, description="Attempts that run at once in this process, over all runs."
    )
    run_concurrency: int = Field(default=5, ge=1, description="Attempts that run at once in a run.")
    max_subtasks: int = Field(default=20, ge=1, le=500, description="Subtasks a plan may have.")
    subtask_attempts: int = Field(
        default=3, ge=1, le=10, description="Attempts before a subtask becomes a dead letter."
    )
    attempt_timeout_s: float = Field(
        default=30.0, gt=0, description="Seconds one attempt of a worker may take."
    )
    planner_timeout_s: float = Field(
        default=180.0, gt=0, description="Seconds planning or synthesis may take."
    )
    synthesis_max_tokens: int = Field(
        default=16_000, ge=256, description="Tokens the answer may have."
    )
    synthesis_chars: int = Field(
        default=200_000,
        ge=2_000,
        description="Characters of results one synthesis reads; more are condensed first.",
    )
    max_replans: int = Field(
        default=3, ge=0, description="Reviews that may change the plan of a run."
    )
    review_policy: Literal["auto", "ask"] = Field(
        default="auto",
        description="Whether what a review adds needs approval (`ask`) or not, within the budget.",
    )
    run_tokens: int | None = Field(
        default=2_000_000, ge=1, description="Tokens a run may use before it asks for more."
    )
    run_usd: Decimal | None = Field(
        default=Decimal(5), gt=0, description="USD a run may cost before it asks for more."
    )
    run_minutes: float | None = Field(
        default=None, gt=0, description="Minutes a run may take before it asks for more."
    )
    team_usd_per_day: Decimal | None = Field(
        default=None, gt=0, description="USD a workspace may spend in a day (UTC)."
    )
    strategy: Literal["dependency_based", "top_down"] = Field(
        default="dependency_based",
        description="How tasks are decomposed: from the deliverables back, or from the goal down.",
    )
    playbooks: Path | None = Field(
        default=None, description="A folder of playbooks, one YAML file each."
    )
    max_task_chars: int = Field(
        default=40_000, ge=1000, description="Characters of a task that the models get to read."
    )
    result_chars: int = Field(
        default=16_000, ge=500, description="Characters of an earlier result a worker is given."
    )
    file_bytes: int = Field(
        default=_FILES.bytes, ge=1, description="Bytes an attached file may have to be read."
    )
    file_chars: int = Field(
        default=_FILES.chars, ge=1000, description="Characters kept of an attached file."
    )
    file_pages: int = Field(
        default=_FILES.pages, ge=1, description="Pages read of an attached PDF."
    )
    file_rows: int = Field(default=_FILES.rows, ge=1, description="Rows read of an attached table.")
    file_timeout_s: float = Field(
        default=_FILES.seconds, gt=0, description="Seconds reading one attached file may take."
    )
    file_memory_mb: int = Field(
        default=_FILES.memory_bytes // 1_000_000,
        ge=200,
        description="Memory in MB reading one attached file may take.",
    )
    auto_approve_usd: Decimal | None = Field(
        default=None,
        ge=0,
        description="Plans estimated at up to this many USD start without approval.",
    )
    auto_approve_subtasks: int | None = Field(
        default=None, ge=1, description="Plans of up to this many subtasks start without approval."
    )
    beat_s: float = Field(
        default=2.0,
        gt=0,
        description="Seconds between the signs of life of a process on PostgreSQL; after four that "
        "are missing others take over its work. The same for all processes.",
    )
    grace_s: float = Field(
        default=10.0, ge=0, description="Seconds running attempts get to finish at shutdown."
    )

    @classmethod
    def load(cls, **given: object) -> Self:
        """Read the environment. Raises ConfigurationError that names the variable at fault."""
        check_dotenv()
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise ConfigurationError(sentence_of(cls, error)) from error


def sentence_of(settings: type[BaseSettings], error: ValidationError) -> str:
    """What is wrong with the settings, by the names of the variables."""
    prefix = settings.model_config.get("env_prefix", "")
    problems = []
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else "?"
        name = field if field.isupper() else f"{prefix}{field}".upper()
        problems.append(f"{name}: {problem['msg']}.")
    return "The settings are not right. " + " ".join(problems)
