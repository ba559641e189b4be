"""Rules for URLs that are compiled once per test run: that is most of the work of creating an application."""

from typing import Any

from werkzeug.routing import Rule

_compiled: dict[tuple[Any, ...], tuple[dict[str, Any], frozenset[str]]] = {}


class CompiledOnce(Rule):
    """A rule that takes over what compiling an equal one of an earlier application resulted in."""

    def compile(self) -> None:
        """Compile the rule, unless that was done before."""
        assert self.map is not None
        key = (self.rule, str(self.defaults), self.merge_slashes, frozenset(self.map.converters.items()))
        if key not in _compiled:
            before = dict(vars(self))
            super().compile()
            results = {name: value for name, value in vars(self).items() if before.get(name) is not value}
            _compiled[key] = results, frozenset(self.arguments)
        results, arguments = _compiled[key]
        vars(self).update(results)
        self.arguments |= arguments
