"""Rendering the templates of an operator whose arguments may be objects that Airflow does not know.

Airflow's templater calls any callable that it finds as an argument, takes every object with a method ``resolve`` for a
reference, looks up every text that ends in ``.qasm`` as a file, and leaves what is in a mapping of another type than
``dict`` alone. Observables of Qiskit are callable, and ``Param`` has a ``resolve`` of another kind.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_qrt.primitives.inputs.plain import plain

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

HANDED_ON = ("op_args", "op_kwargs")
"""What a decorated function gets is what its caller passed."""


class RendersInputs(BaseOperator):
    """An operator that takes circuits, observables and numbers in whatever form a user has them.

    A template field may hold what Airflow renders, and objects of Qiskit, numpy and pandas besides, at any depth. What
    has a plain equal becomes that, see :func:`~airflow_provider_qrt.primitives.inputs.plain.plain`.
    """

    file_fields: Collection[str] = ()
    """The template fields in which a text may name a file."""
    array_fields: Collection[str] = ()
    """The template fields in which arrays of numbers stay arrays."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a template field as plain values, which can be read more than once as iterators cannot."""
        if name in self.template_fields and name not in HANDED_ON:
            value = plain(value, keep_arrays=name in self.array_fields)
        super().__setattr__(name, value)

    def resolve_template_files(self) -> None:
        """Read the files that template fields name; in fields that name none, such a text is a text."""
        every = self.template_fields
        self.template_fields = [name for name in every if name in self.file_fields]
        try:
            super().resolve_template_files()
        finally:
            self.template_fields = every

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template; a ``Param`` stands for its value in this run."""
        if isinstance(content, Param):
            return self._value_of(content, context)
        if isinstance(content, str) and self.template_ext and ("\n" in content or ";" in content):
            # A circuit whose last comment names a file.
            with self._naming_no_files():
                return super().render_template(content, context, jinja_env, seen_oids)
        return super().render_template(content, context, jinja_env, seen_oids)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render the fields; Airflow calls this for tasks of both kinds, mapped and not."""
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        for name in template_fields:
            value = getattr(self, name)
            with self._naming_no_files(unless=name in self.file_fields):
                if callable(value) and not _is_template(value):
                    setattr(self, name, self.render_template(value, context, jinja_env, seen_oids))
                else:
                    super()._do_render_template_fields(self, (name,), context, jinja_env, seen_oids)

    @contextmanager
    def _naming_no_files(self, *, unless: bool = False) -> Iterator[None]:
        """For the time being, take no text for the name of a file."""
        before = self.template_ext
        self.template_ext = before if unless else ()
        try:
            yield
        finally:
            self.template_ext = before

    def _value_of(self, param: Param, context: Mapping[str, Any] | Context) -> Any:
        """The value that this run gives a ``Param`` of the DAG or the task; of any other, its own."""
        of_run: Mapping[str, Any] = context.get("params") or {}
        dag = self.get_dag()
        for declared in (self.params, {} if dag is None else dag.params):
            for name in declared:
                if isinstance(declared, ParamsDict) and declared.get_param(name) is param and name in of_run:
                    return of_run[name]
        return param.resolve()


def readable_again(arguments: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return those of a mapped task's arguments that are template fields: every task of it reads them anew."""
    chosen = set(names).difference(HANDED_ON).intersection(arguments)
    return {name: plain(arguments[name], keep_arrays=True) for name in chosen}


def _is_template(value: Any) -> bool:
    """Whether a callable is one of Airflow's: it takes the context and the Jinja environment and returns the value."""
    # Of an object, its method: inspect compares what it is given, and comparing some objects raises.
    call = value if inspect.isroutine(value) or inspect.isclass(value) else value.__call__
    try:
        inspect.signature(call).bind(context=None, jinja_env=None)
    except (TypeError, ValueError):
        return False
    return True
