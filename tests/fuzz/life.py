"""The life of one task by Airflow's rules: tries, legs, deferrals, clears and marks.

Workers run Airflow's task runner. This module replaces the scheduler, the API server and the triggerer, following the
source of Airflow 3.3: ``clear_task_instances``, ``_is_eligible_to_retry``, ``TaskInstance.handle_failure``,
``ActivitySubprocess.final_state``, ``TriggerRunner.run_trigger``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import structlog
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from tests.fuzz.clock import START
from tests.fuzz.janitor import Janitor
from tests.fuzz.points import Process
from tests.fuzz.processes import begin_process
from tests.fuzz.triggerer import run_triggerer
from tests.fuzz.world import World

Act = Callable[[], None]
FINAL = ("success", "failed", "skipped")
MOST_LEGS = 30
LIKELY_POINTS = 45
"""SIGKILL comes at one of the first so many points of a leg."""
MOMENT = datetime.fromtimestamp(START, UTC)


class Life:
    """Leads the task through an episode."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan
        self.airflow = world.airflow
        self.user = random.Random(f"user {world.plan.seed}")
        self.moves_left = world.plan.moves
        self.janitor = Janitor(world)
        self._legs = 0
        self._processes = 0
        self._is_nested = False

    def lead(self) -> None:
        """Play the episode until the user wants nothing more."""
        while self._step():
            pass

    def end_well(self) -> None:
        """Clear the task in fair weather, when nothing goes wrong any more, and run it."""
        self.world.weather.fair = True
        self.world.emulator.clear_rules()
        self.world.emulator.configure(queue_seconds=5)
        self.moves_left = 0
        self.plan.kills = self.plan.stops = 0.0
        self.clear()
        self.lead()

    def clean_up(self) -> None:
        """Let whatever looks after things that are left over have its time."""
        self.airflow.run_state = "success" if self.airflow.state == "success" else "failed"
        self.world.trace("--- janitor")
        self.janitor.give_time(self._chance())

    # What the scheduler does

    def _step(self) -> bool:
        airflow = self.airflow
        self.janitor.look(self._chance())
        if airflow.state in FINAL:
            return self._at_the_end()
        if airflow.state == "up_for_retry" and not self._before_retry():
            return True
        if airflow.state == "deferred":
            self._in_the_triggerer()
            return True
        self._legs += 1
        if self._legs > MOST_LEGS:
            raise AssertionError(f"The task comes to no end in {MOST_LEGS} legs.")
        self._in_a_worker()
        return True

    def _in_a_worker(self) -> None:
        airflow = self.airflow
        if airflow.next_method is None:
            airflow.try_number += 1
            if airflow.tried_version not in (None, airflow.version):
                airflow.wish += 1
            airflow.tried_version = airflow.version
        airflow.state, airflow.final_word, airflow.disturbed = "running", None, False
        self.world.clock.advance(self.user.uniform(0, 3))
        chance = self._chance()
        name = f"worker, try {airflow.try_number}{', resumed' if airflow.next_method else ''}"
        process = Process(self.world, name, chance, forked=self.plan.forks, ti_id=airflow.ti_id)
        if chance.random() < self.plan.kills:
            process.killed_at = (1 + int(LIKELY_POINTS * chance.random() ** 1.6), chance.choice(("before", "after")))
        if chance.random() < self.plan.stops:
            process.stopped_at = 1 + int(LIKELY_POINTS * chance.random() ** 1.6)
            process.on_stop = self._stop_of(process, chance)
        process.looked_at = 1 + int(LIKELY_POINTS * chance.random())
        process.on_look = lambda: None if self.plan.forks else self.janitor.look(chance)
        should_retry = airflow.max_tries != 0 and airflow.try_number <= airflow.max_tries
        self.world.trace(
            f"--- {name}, max_tries {airflow.max_tries}, retries {airflow.retries}, input {airflow.version}, "
            f"{'a retry may follow' if should_retry else 'no retry follows'}"
        )
        with_supervisor = chance.random() < 0.6
        survived = begin_process(self.world, process, lambda: self._leg(process, should_retry))
        if not process.replaced:
            self._after_leg(process, survived, should_retry, with_supervisor)

    def _stop_of(self, process: Process, chance: random.Random) -> Act:
        """Choose what stops a worker: a user, the end of its node, or that it is taken for dead and comes back."""
        acts = [self.clear, self.mark_failed, self.mark_success, self.time_run_out, self.drain]
        if not self.plan.forks and not self._is_nested:
            acts.append(lambda: self._take_for_dead(process))
        act = chance.choice(acts)

        def stop() -> None:
            act()
            process.terminate()

        return stop

    def _take_for_dead(self, process: Process) -> None:
        """The worker stands still for minutes; Airflow goes on without it, unless it has heard of its end."""
        if self.airflow.state != "running":
            return
        self.world.trace(f"{process.name} stands still and is taken for dead")
        process.replaced = True
        self.world.clock.advance(320)
        self._miss_heartbeats()
        if self.airflow.state == "up_for_retry":
            self.world.clock.advance(60)
            self.meanwhile()
        self.world.trace(f"{process.name} comes back")

    def meanwhile(self) -> None:
        """Let the next leg of the task run while another process stands still."""
        if self._is_nested or self.airflow.state not in (None, "up_for_retry"):
            return
        self._is_nested = True
        before, handler = self.world.process, signal.getsignal(signal.SIGTERM)
        try:
            self._in_a_worker()
        finally:
            self._is_nested = False
            self.world.process = before
            signal.signal(signal.SIGTERM, handler)

    def _leg(self, process: Process, should_retry: bool) -> None:
        airflow, log = self.airflow, structlog.get_logger("task")
        operator = self.operator()
        operator.dag.resolve_template_files()
        server = TIRunContext(
            dag_run=self._dag_run(),
            max_tries=airflow.max_tries,
            xcom_keys_to_clear=[] if airflow.next_method else sorted(airflow.xcoms),
            should_retry=should_retry,
        )
        if airflow.next_method:
            server.next_method, server.next_kwargs = airflow.next_method, airflow.next_kwargs
        airflow.next_method = airflow.next_kwargs = None
        ti = self.runtime_ti(operator, server)
        handler = signal.getsignal(signal.SIGTERM)
        try:
            context = ti.get_template_context()
            state, _, error = task_runner.run(ti, context, log)
            if error is not None:
                self.note_error(error)
            task_runner.finalize(ti, state, context, log, error)
        finally:
            signal.signal(signal.SIGTERM, handler)
            for key in [one for one in os.environ if one.startswith("AIRFLOW_CTX_")]:
                del os.environ[key]

    def _after_leg(self, process: Process, survived: bool, should_retry: bool, with_supervisor: bool) -> None:
        airflow = self.airflow
        for delivery in airflow.deliveries:
            if delivery.try_number == airflow.try_number:
                delivery.disturbed |= airflow.disturbed
        if airflow.state == "restarting":
            # Cleared while it ran: what the executor says of the process decides.
            if self.user.random() < 0.7:
                airflow.max_tries = airflow.try_number + airflow.retries
                airflow.state = None
            else:
                airflow.enter("up_for_retry")
        elif airflow.state == "running" and survived:
            # Only a plain failure is told when the process has ended.
            assert airflow.final_word is not None, "The process ended and said nothing."
            airflow.enter("failed")
        elif airflow.state == "running" and with_supervisor:
            airflow.enter("up_for_retry" if should_retry else "failed")
        elif airflow.state == "running":
            self.world.clock.advance(300)
            self._miss_heartbeats()
        self.world.trace(f"    the task is {airflow.state}")

    def _miss_heartbeats(self) -> None:
        """A whole node is gone: the scheduler takes its task for dead."""
        airflow = self.airflow
        again = bool(airflow.retries and airflow.try_number <= airflow.max_tries)
        before = self.world.process
        self._callbacks("on_retry_callback" if again else "on_failure_callback")
        self.world.process = before
        if again:
            airflow.ti_id = type(airflow.ti_id)(int=airflow.ti_id.int + 1)
        airflow.enter("up_for_retry" if again else "failed")

    def _callbacks(self, kind: str) -> None:
        """Run the failure callback like the DAG processor, which has the DAG file but no rendered templates."""
        process = Process(self.world, "dag-processor", self._chance())
        self.world.trace(f"--- {process.name}: {kind}")

        def call() -> None:
            operator = self.operator()
            server = TIRunContext(dag_run=self._dag_run(), max_tries=self.airflow.max_tries)
            context = self.runtime_ti(operator, server).get_template_context()
            for callback in getattr(operator, kind) or ():
                try:
                    callback(context)
                except Exception as error:
                    self.note_error(error)

        begin_process(self.world, process, call)

    def _in_the_triggerer(self) -> None:
        airflow, user = self.airflow, self.user
        fate = "fires"
        if not self.world.weather.fair:
            fates = {"fires": 12, "user": 20 * self.plan.stops, "killed": 6 * self.plan.kills, "shut down": 0.5}
            fates |= {"taken for gone": 0.7, "away": 0.4, "away when stopped": 5 * self.plan.stops}
            fate = user.choices(list(fates), list(fates.values()))[0]
        if user.random() < 0.05:
            self.change_retries()
        acts = (self.clear, self.mark_failed, self.mark_success, self.time_run_out)
        if fate == "away when stopped":
            self.world.trace("--- no triggerer runs")
            user.choice(acts)()
            return
        if fate == "away":
            assert airflow.trigger_due is not None
            self.world.clock.advance(airflow.trigger_due - self.world.clock.time() + 15)
            self.world.trace("--- no triggerer runs until the deferral has timed out")
            self._resume("__fail__", {"error": "Trigger timeout"})
            return
        process = Process(self.world, "triggerer", self._chance())
        if fate == "killed":
            process.killed_at = (1 + user.randrange(12), user.choice(("before", "after")))
            self.janitor.restart()
        if fate in ("user", "shut down", "taken for gone"):
            process.stopped_at = 1 + user.randrange(12)
        act = user.choice(acts) if fate == "user" else (lambda: None)
        self.world.trace(f"--- {process.name}, {fate}")
        row = airflow.trigger
        meanwhile = self.meanwhile if user.random() < 0.4 else (lambda: None)
        ti = self.runtime_ti(self.operator(), None)
        outcome = run_triggerer(self.world, process, fate, act, meanwhile, ti)
        if airflow.trigger is not row:
            return
        if outcome.payload is not None and airflow.state == "deferred":
            self._resume(str(airflow.next_method), {**(airflow.next_kwargs or {}), "event": outcome.payload})
        elif outcome.error is not None and airflow.state == "deferred":
            self.note_error(outcome.error)
            self._resume("__fail__", {"error": "Trigger failure", "traceback": [str(outcome.error)]})

    def _resume(self, method: str, kwargs: dict[str, Any]) -> None:
        self.airflow.enter("scheduled")
        self.airflow.next_method, self.airflow.next_kwargs = method, json.loads(json.dumps(kwargs))

    # What the user does

    def _at_the_end(self) -> bool:
        """Say whether the user goes on with a task that has ended."""
        likely = {"success": 0.45, "failed": 0.6}.get(str(self.airflow.state), 0.4)
        if self.moves_left <= 0 or self.user.random() >= likely:
            return False
        self.moves_left -= 1
        self.world.clock.advance(self.user.choice((5, 100, 2000, 20_000)))
        if self.user.random() < 0.35:
            self.change_input()
        if self.user.random() < 0.25:
            self.change_retries()
        self.clear()
        return True

    def _before_retry(self) -> bool:
        """Say whether the retry comes."""
        user = self.user
        self.world.clock.advance(user.choice((1, 10, 60, 300)))
        if self.moves_left > 0 and user.random() < 0.3:
            self.moves_left -= 1
            act = user.choice((self.change_input, self.change_retries, self.mark_failed, self.mark_success, self.clear))
            act()
        return self.airflow.state == "up_for_retry" or self.airflow.state is None

    def change_input(self) -> None:
        """Ask for something else."""
        self.airflow.version += 1
        self.world.trace(f"USER: the input is {self.airflow.version}")

    def change_retries(self) -> None:
        """Change ``retries`` in the DAG file."""
        self.airflow.retries = self.user.choice((0, 1, 2, 3))
        self.world.trace(f"USER: retries are {self.airflow.retries}")

    def clear(self) -> None:
        """Clear the task."""
        airflow = self.airflow
        self.world.trace(f"USER: clears the task, which is {airflow.state}")
        airflow.ti_id = type(airflow.ti_id)(int=airflow.ti_id.int + 1)
        airflow.clear_number += 1
        airflow.run_state = "running"
        if airflow.delivered or "return_value" in airflow.xcoms:
            # What reached XCom the user has, though the task was marked as failed then.
            airflow.wish += 1
            airflow.delivered = False
        if airflow.state == "running":
            airflow.state = "restarting"
            return
        airflow.max_tries = airflow.try_number + airflow.retries
        airflow.next_method = airflow.next_kwargs = None
        airflow.enter(None)

    def mark_failed(self) -> None:
        """Mark the task as failed."""
        self._mark("failed")

    def mark_success(self) -> None:
        """Mark the task as successful, which delivers nothing."""
        self._mark("success")

    def time_run_out(self) -> None:
        """Let the DAG run's timeout pass."""
        self._mark("skipped")
        self.airflow.run_state = "failed"

    def drain(self) -> None:
        """Stop the node; Airflow's state does not change."""
        self.world.trace("The node is drained.")

    def _mark(self, state: str) -> None:
        self.world.trace(f"USER: the task, which is {self.airflow.state}, becomes {state}")
        self.airflow.state = state
        self.airflow.trigger = self.airflow.trigger_due = None
        self.airflow.next_method = self.airflow.next_kwargs = None

    # What both need

    def operator(self) -> Any:
        """The task as the DAG file has it."""
        from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

        more = {"result_path": str(self.world.folder / "results")} if self.plan.to_file else {}
        with DAG("the_dag", schedule=None):
            return QiskitRuntimeSamplerOperator(
                task_id="the_task",
                retries=self.airflow.retries,
                **self.plan.arguments(self.airflow.version),
                **more,
            )

    def runtime_ti(self, operator: Any, server: TIRunContext | None) -> RuntimeTaskInstance:
        """The task instance as a process sees it."""
        airflow = self.airflow
        dag_id, run_id, task_id = airflow.names
        return RuntimeTaskInstance.model_construct(
            id=airflow.ti_id,
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=-1,
            try_number=airflow.try_number,
            max_tries=airflow.max_tries,
            dag_version_id=airflow.ti_id,
            hostname="here",
            queue="default",
            context_carrier=None,
            task=operator,
            bundle_instance=SimpleNamespace(name="bundle", version=None),
            start_date=MOMENT,
            _ti_context_from_server=server,
        )

    def note_error(self, error: BaseException) -> None:
        """Keep an error for the trace and the checks."""
        self.world.trace(f"    {type(error).__name__}: {error}"[:700])
        chain: BaseException | None = error
        while chain is not None:
            if isinstance(chain, (AttributeError, TypeError, NameError, ImportError)):
                self.airflow.errors.append("".join(traceback.format_exception(chain))[-3000:])
            chain = chain.__cause__ or chain.__context__

    def _dag_run(self) -> DagRun:
        dag_id, run_id, _ = self.airflow.names
        return DagRun(
            dag_id=dag_id,
            run_id=run_id,
            logical_date=None,
            data_interval_start=None,
            data_interval_end=None,
            run_after=MOMENT,
            start_date=MOMENT,
            end_date=None,
            clear_number=self.airflow.clear_number,
            run_type="manual",
            state="running",
            consumed_asset_events=[],
            partition_key=None,
        )

    def _chance(self) -> random.Random:
        """For the next process: what happens in it depends on nothing but its number."""
        self._processes += 1
        return random.Random(f"process {self.plan.seed} {self._processes}")
