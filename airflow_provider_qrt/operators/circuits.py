"""The base of the operators of both primitives: circuits, in texts, files and objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt import templated
from airflow_provider_qrt.arguments.circuit_files import names_in_dag, with_files, written_names
from airflow_provider_qrt.arguments.constants import Check, boolean
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.templating import HANDED_ON

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import JobArguments
    from airflow_provider_qrt.programs.given import GivenCircuits

__all__ = ["QiskitRuntimeCircuitsOperator"]

CIRCUIT_FILES = (".qasm", ".qasm3")


class QiskitRuntimeCircuitsOperator(QiskitRuntimeJobOperator):
    """Base of the operators that run circuits with a primitive.

    The connection's channel says in which version. Version 1, of the older generations of the service, takes circuits
    for any backend without parameter values, all in one job, and transpiles them itself.

    Args:
        circuits: What the primitive is to run.
        options: The primitive's options.
        optimization_level: 0 to 3: transpile the circuits for the backend that was chosen, with Qiskit (extra
            ``qiskit``); the outcome is kept in a cache on disk. None: they are sent as they are.
        use_fractional_gates: Transpile for the backend's fractional gates too, ``rx`` and ``rzz``, as the official
            client does with ``service.backend(name, use_fractional_gates=True)``. It counts together with
            ``optimization_level``; circuits that are sent as they are may have such gates anyway. Refused together with
            twirling of gates (except the group ``local_pauli``), PEC, PEA and ``resilience_level=2``.
        check_isa: See, before anything is submitted, that circuits which are sent as they are have only gates and
            coupled qubits of the backend. What cannot be decided without Qiskit passes.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = (
        "circuits",
        "options",
        "optimization_level",
        "use_fractional_gates",
        *QiskitRuntimeJobOperator.template_fields,
    )
    template_ext: Sequence[str] = CIRCUIT_FILES
    file_fields = ("circuits", *HANDED_ON)
    array_fields = ("circuits",)
    checks: ClassVar[Mapping[str, Check]] = {
        "optimization_level": partial(templated.whole_number, at_least=0, at_most=3),
        "use_fractional_gates": templated.flag,
        "check_isa": boolean,
    }

    def __init__(
        self,
        *,
        circuits: Any,
        options: Mapping[str, Any] | XComArg | None = None,
        optimization_level: int | str | XComArg | None = None,
        use_fractional_gates: bool | str | XComArg = False,
        check_isa: bool = True,
        **kwargs: Unpack[JobArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.circuits = circuits
        self.options = cast("Mapping[str, Any] | None", options)
        self.optimization_level = optimization_level
        self.use_fractional_gates = use_fractional_gates
        self.check_isa = check_isa
        self.check_constants(*QiskitRuntimeCircuitsOperator.checks)
        # Before anything is rendered. A mapped task is made of data.
        self._written_files = frozenset() if self._is_of_mapped() else frozenset(written_names(self.circuits))

    def _is_of_mapped(self) -> bool:
        return bool(getattr(self, "_BaseOperator__from_mapped", False))

    def given_circuits(self) -> Any:
        """Return the circuits as they were rendered, with names of QPY files that may be read as paths.

        Raises:
            InvalidInputError: A name comes from data, and lies in no folder that the deployment allows.
        """
        written = self._written_files | (names_in_dag(self) if self._is_of_mapped() else frozenset())
        return with_files(self.circuits, written)

    def make_given(self) -> GivenCircuits:
        """Return the circuits as a program reads them."""
        from airflow_provider_qrt.programs.given import GivenCircuits

        return GivenCircuits(self.given_circuits)

    def circuit_arguments(self) -> dict[str, Any]:
        """Return the arguments that the programs of both primitives take."""
        from airflow_provider_qrt import config

        through_xcom = self.wait_for_completion and templated.optional_text(self.result_path) is None
        return {
            "circuits": self.make_given(),
            "options": self.options,
            "optimization_level": self.optimization_level,
            "use_fractional_gates": self.use_fractional_gates,
            "check_isa": self.check_isa,
            "max_result_bytes": config.max_xcom_bytes() if through_xcom else None,
        }

    def takes_pubs(self) -> bool:
        """Tell whether the connection's channel takes PUBs; otherwise it takes circuits, as version 1 does.

        Raises:
            NotOfferedError: It takes neither; says how to run its programs.
        """
        from airflow_provider_qrt.client.channels.base import Feature

        channel = self.hook.channel
        if channel.offers(Feature.PUBS):
            return True
        channel.require(Feature.CIRCUITS, type(self).__name__)
        return False

    def resolve_template_files(self) -> None:
        """Read circuit files; one that is missing fails this task when it runs, and leaves the log of others alone.

        Airflow reads the files of all tasks of a DAG wherever one of its tasks runs, and logs a traceback for each
        that is not there.
        """
        from airflow_provider_qrt.arguments.template_files import missing_file

        if missing_file(self.circuits, self.template_ext, self.get_template_env()) is None:
            super().resolve_template_files()

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render templates; a circuit file that is missing or trips Jinja gets a message that says so."""
        import jinja2

        from airflow_provider_qrt.arguments.template_files import missing_file, no_such_file

        # Before Airflow looks, which logs a traceback of its own for a file that is not there.
        missing = missing_file(self.circuits, self.template_ext, jinja_env) if parent is self else None
        if missing is not None:
            raise AirflowFailException(no_such_file(missing, jinja_env))
        try:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        except jinja2.TemplateNotFound as error:
            raise AirflowFailException(no_such_file(str(error.name), jinja_env)) from None
        except jinja2.TemplateSyntaxError as error:
            raise AirflowFailException(
                f"A template of this task cannot be read: {error}. In OpenQASM, two braces in a row and '{{%' or '{{#' "
                "belong to Jinja: put a space between the braces, or wrap text in airflow.sdk.literal()."
            ) from None
