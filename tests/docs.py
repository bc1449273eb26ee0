"""The parts of the README that are made from the code. `python -m tests.docs` renews them."""

from pathlib import Path

from bot.settings import BotSettings

README = Path(__file__).parents[1] / "README.md"
_BEGIN = "<!-- settings: made by `python -m tests.docs`, checked by the tests -->\n"
_END = "<!-- /settings -->"


def settings_table():
    """Every setting: its variable, default and meaning."""
    prefix = BotSettings.model_config["env_prefix"]
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in BotSettings.model_fields.items():
        variable = field.alias or f"{prefix}{name.upper()}"
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `{variable}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def renewed(readme):
    """The README with the settings as they are now."""
    before, _, rest = readme.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{settings_table()}{_END}{after}"


if __name__ == "__main__":
    README.write_text(renewed(README.read_text()))
