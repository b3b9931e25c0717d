"""Render the templates of operators whose arguments may be objects that Airflow does not know. Internal.

Airflow's templater calls any callable argument, treats every object with a method ``resolve`` as a reference, reads
every text that ends in ``.qasm`` as a file name, and does not render mappings other than ``dict``. But Qiskit's
observables are callable, and ``Param`` has a different ``resolve``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, ObjectStoragePath, Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_qrt.primitives.inputs.plain import plain

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

HANDED_ON = ("op_args", "op_kwargs")
"""Fields that are passed unchanged to a decorated function."""


class RendersInputs(BaseOperator):
    """An operator that accepts circuits, observables and numbers in many forms.

    A template field may hold what Airflow renders, and objects of Qiskit, numpy and pandas, at any depth. Objects with
    a plain equivalent are converted, see :func:`~airflow_provider_qrt.primitives.inputs.plain.plain`.
    """

    file_fields: Collection[str] = ()
    """Template fields in which a text may be a file name."""
    array_fields: Collection[str] = ()
    """Template fields in which arrays of numbers stay arrays."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; convert template fields to plain values, which unlike iterators can be read repeatedly."""
        if name in self.template_fields and name not in HANDED_ON:
            value = plain(value, keep_arrays=name in self.array_fields)
        super().__setattr__(name, value)

    def resolve_template_files(self) -> None:
        """Read the files named in :attr:`file_fields`; in other fields, such a text stays a text."""
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
        """Render a template; a ``Param`` is replaced by its value in this run."""
        if isinstance(content, Param):
            return self._value_of(content, context)
        if isinstance(content, os.PathLike) and not isinstance(content, ObjectStoragePath):
            # Airflow before 3.2 would call its method resolve(), too.
            return content
        if isinstance(content, str) and self.template_ext and ("\n" in content or ";" in content):
            if jinja_env is not None and (same := _without_template(content, jinja_env)) is not None:
                return same
            # A circuit may end with a comment that looks like a file name.
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
        """Render the fields; Airflow calls this for mapped and other tasks."""
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
        """Treat no text as a file name within this block."""
        before = self.template_ext
        self.template_ext = before if unless else ()
        try:
            yield
        finally:
            self.template_ext = before

    def _value_of(self, param: Param, context: Mapping[str, Any] | Context) -> Any:
        """Return this run's value of a ``Param`` of the DAG or task; for any other, its default."""
        of_run: Mapping[str, Any] = context.get("params") or {}
        dag = self.get_dag()
        for declared in (self.params, {} if dag is None else dag.params):
            for name in declared:
                if isinstance(declared, ParamsDict) and declared.get_param(name) is param and name in of_run:
                    return of_run[name]
        return param.resolve()


def readable_again(arguments: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return a mapped task's template fields as plain values, since each of its task instances reads them again."""
    chosen = set(names).difference(HANDED_ON).intersection(arguments)
    return {name: plain(arguments[name], keep_arrays=True) for name in chosen}


def _without_template(text: str, jinja_env: jinja2.Environment) -> str | None:
    """Return what Jinja makes of a text without a template in it; None for any other text.

    Jinja compiles every text to a Python module, which takes half a millisecond: a tenth of a second for the two
    hundred circuits of a task. Its lexer alone finds that there is nothing to compile.
    """
    from jinja2 import TemplateError
    from jinja2.ext import Extension
    from jinja2.nativetypes import NativeEnvironment

    changes_texts = any(type(one).filter_stream is not Extension.filter_stream for one in jinja_env.extensions.values())
    # A native environment returns a list for the text of a list.
    if changes_texts or isinstance(jinja_env, NativeEnvironment) or jinja_env.newline_sequence != "\n":
        return None
    try:
        tokens = list(islice(jinja_env.lex(jinja_env.preprocess(text)), 2))
    except TemplateError:
        # Jinja explains the error better when it compiles the text.
        return None
    return tokens[0][2] if [kind for _, kind, _ in tokens] == ["data"] else None


def _is_template(value: Any) -> bool:
    """Return whether a callable is an Airflow template: it takes the context and the Jinja environment."""
    # For an object, inspect its method: inspect compares its argument, which raises for some objects.
    call = value if inspect.isroutine(value) or inspect.isclass(value) else value.__call__
    try:
        inspect.signature(call).bind(context=None, jinja_env=None)
    except (TypeError, ValueError):
        return False
    return True
