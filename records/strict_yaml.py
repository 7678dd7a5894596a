"""YAML that says what it means: safe types only, a key once, and dates as the text they are written as."""

from typing import Any

import yaml

from records.errors import UserError


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """YAML would keep the last of two equal keys, without a word."""
        seen = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)):
                raise UserError(f"line {line}: a key is a word or a number")
            if key in seen:
                raise UserError(f"line {line}: key {key!r} stands twice; keep one")
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def read_yaml(text: str, name: str) -> Any:
    """The value that `text` is; `name` says in errors where it stands.

    Raises:
        UserError: it is no YAML, or a mapping holds a key twice; with the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise UserError(f"{name}: not valid YAML{where} ({problem})") from None
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
