"""What the operators of both primitives share: circuits that stand in files, and the way of the result to XCom."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt.operators import arguments, results
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.operators.delivery import Deliverable, deliver, read_metrics
from airflow_provider_qrt.primitives.errors import InvalidInput

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_qrt.client.models import Job

CIRCUIT_FILES = (".qasm", ".qasm3")


class QiskitRuntimeCircuitsOperator(QiskitRuntimeJobOperator):
    """Base of the operators that run circuits with a primitive.

    Args:
        circuits: What the primitive is to run.
        options: The primitive's options.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = ("circuits", "options", *QiskitRuntimeJobOperator.template_fields)
    template_ext: Sequence[str] = CIRCUIT_FILES

    def __init__(self, *, circuits: Any, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.circuits = circuits
        self.options = options

    @abstractmethod
    def decode(self, text: str) -> Deliverable:
        """Read the text of the program's result.

        Raises:
            InvalidResult: It cannot be read.
        """

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render templates; a circuit file that is missing or trips Jinja gets a message that says so."""
        import jinja2

        try:
            super().render_template_fields(context, jinja_env)
        except jinja2.TemplateNotFound as error:
            raise AirflowFailException(
                f"circuits: the file {error.name!r} was not found. Put it beside the DAG file, or name its folder in "
                "the DAG's template_searchpath."
            ) from error
        except jinja2.TemplateSyntaxError as error:
            raise AirflowFailException(
                f"A template of this task cannot be read: {error}. In OpenQASM, two braces in a row and '{{%' or '{{#' "
                "belong to Jinja: put a space between the braces, or wrap text in airflow.sdk.literal()."
            ) from error

    def check_result_fits(self, size: int, when: str, instead: str) -> None:
        """Refuse a job whose result may not fit through XCom and has nowhere else to go.

        Args:
            size: The most bytes it can take.
            when: Under which circumstances it takes them.
            instead: What less to ask for.

        Raises:
            InvalidInput: It may not fit; says what to do.
        """
        if not self.wait_for_completion or arguments.optional_text(self.result_path) is not None:
            return
        limit = results.max_xcom_bytes()
        if size > limit:
            raise InvalidInput(
                f"The result may take {size:,} bytes, more than the {limit:,} that go through XCom, {when}. Set "
                "result_path on the task (a folder, local or in an object store), raise [qiskit_runtime] "
                f"max_xcom_bytes, or {instead}. Nothing was submitted."
            )

    def read_result(self, job: Job) -> dict[str, Any]:
        """Fetch and decode the result; what needs the network comes before a private job's one read."""
        metrics = read_metrics(self.hook.client, job)
        return deliver(
            self.decode(self.fetch_result(job)),
            job,
            metrics,
            program_id=self.program_id,
            result_path=arguments.optional_text(self.result_path),
        )
