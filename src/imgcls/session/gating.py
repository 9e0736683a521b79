"""Which gates, limits and golden records a run has, and which of them were evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from imgcls.session import required
from imgcls.session.required import Coverage, Kind, Target, Unevaluated

if TYPE_CHECKING:
    from imgcls.records.evaluation import Verdict
    from imgcls.records.parity import ContractCheck, Parity, ServingCheck
    from imgcls.records.performance import Latency, Memory
    from imgcls.records.thresholds import LatencyGate, MemoryGate
    from imgcls.session.events import Event, GoldenChecked
    from imgcls.session.session import Session

OF_MEMORY = ("host_bytes", "gpu_bytes", "growth")
"""The metrics of verdicts on memory."""


class Limit(NamedTuple):
    """A limit of the configuration."""

    kind: Kind
    model: str
    metric: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.model}, {self.metric}"


class GateResults:
    """What was held against gates, limits and golden records in one session.

    ``tests``: what the tests were for, where tests are what was run.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.verdicts: dict[tuple[str, str], tuple[Verdict, ...]] = {}
        self.goldens: list[GoldenChecked] = []
        self.latencies: list[Latency] = []
        self.memories: list[Memory] = []
        self.limit_verdicts: list[Verdict] = []
        self.judged_limits: list[tuple[str, Verdict]] = []
        self.parities: list[Parity] = []
        self.servings: list[ServingCheck] = []
        self.contracts: list[ContractCheck] = []
        self.tests: Coverage | None = Coverage() if session.options.is_pytest else None
        self._evaluated_limits: set[tuple[str, str, str]] = set()

    def add(self, event: Event) -> None:
        """Keep what a test, or the command itself, produced."""
        from imgcls.session import events

        match event:
            case events.PairJudged(model, dataset, verdicts):
                self.verdicts[model, dataset] = verdicts
            case events.GoldenChecked():
                self.goldens.append(event)
            case events.LatencyMeasured(latency):
                self.latencies.append(latency)
            case events.MemoryMeasured(memory):
                self.memories.append(memory)
            case events.LimitsJudged(kind, model, verdicts):
                self.limit_verdicts += verdicts
                self.judged_limits += [(model, verdict) for verdict in verdicts]
                self._evaluated_limits |= {(kind, model, verdict.metric) for verdict in verdicts}
            case events.ParityChecked(parity):
                self.parities.append(parity)
            case events.ServingChecked(serving):
                self.servings.append(serving)
            case events.ContractChecked(contract):
                self.contracts.append(contract)

    @property
    def has_deployment(self) -> bool:
        """Whether something that ships was compared, or a contract tried."""
        return bool(self.parities or self.servings or self.contracts)

    # Which gates there are, and which were evaluated.

    @property
    def total_gates(self) -> int:
        """The number of gates and limits: one per pair with thresholds, per compared pair, per limit and per export."""
        from imgcls.gates import accuracy

        pairs = accuracy.total(self.session.settings, self.session.compared_pairs)
        return pairs + len(self._limits(selected=True)) + len(self._deployments) + len(self._not_selected)

    def unevaluated_gates(self) -> list[str]:
        """The gates on scores that nothing was shown for, in words."""
        return [gate.words for gate in self._unevaluated_gates()]

    def unevaluated_limits(self) -> list[str]:
        """The limits on latency and memory that no test measured, in words."""
        return [gate.words for gate in self._unevaluated_limits()]

    def unevaluated_deployments(self) -> list[str]:
        """The gates on exports, and the serving, that no test compared, in words."""
        return [gate.words for gate in self._unevaluated_deployments()]

    def unchecked_goldens(self) -> list[str]:
        """The selected pairs with a golden record that no test compared, in words."""
        return [golden.words for golden in self._unchecked_goldens()]

    def unevaluated(self) -> list[Unevaluated]:
        """All gates and limits that were not evaluated; those of what was not selected where options require them."""
        deployments = self._unevaluated_deployments()
        return [*self._unevaluated_gates(), *self._unevaluated_limits(), *deployments, *self._not_selected]

    def _unevaluated_gates(self) -> list[Unevaluated]:
        from imgcls.gates import accuracy

        session, has_baseline = self.session, self.session.options.baseline is not None
        missing = accuracy.unevaluated(session.settings, self.verdicts, session.compared_pairs, baseline=has_baseline)
        return [self._caused(Target("accuracy", *pair), words, why) for pair, words, why in missing]

    def _unevaluated_limits(self) -> list[Unevaluated]:
        limits = [limit for limit in self._limits(selected=True) if limit not in self._evaluated_limits]
        return [self._caused(self._target(limit), str(limit)) for limit in limits]

    @property
    def _deployments(self) -> list[Unevaluated]:
        """Every gate on an export, and every serving, of the selected models."""
        settings = self.session.settings
        exports = [
            Unevaluated(required.parity_target(model, export, dataset), f"parity of {model}/{export} on {dataset}")
            for model, dataset in settings.parity
            for export in settings.models[model].exports
        ]
        served = [model for model, spec in settings.models.items() if spec.serving]
        return exports + [Unevaluated(required.serving_target(model), f"serving of {model}") for model in served]

    def _unevaluated_deployments(self) -> list[Unevaluated]:
        checked = {required.parity_target(p.model, p.export, p.dataset) for p in self.parities}
        checked |= {required.serving_target(check.model) for check in self.servings}
        missing = [each for each in self._deployments if each.target not in checked]
        return [self._caused(each.target, each.words) for each in missing]

    def _unchecked_goldens(self) -> list[Unevaluated]:
        """A record that is missing or cannot be read was not compared either."""
        reached = {(g.model, g.dataset) for g in self.goldens if g.verdict is None or g.verdict.status != "error"}
        return [
            self._caused(Target("golden", *pair), f"golden of {' on '.join(pair)}")
            for pair in self.session.settings.golden_pairs()
            if pair not in reached
        ]

    def _caused(self, target: Target, words: str, why: str = "") -> Unevaluated:
        """With the cause in words, where it is known."""
        why = why or (self.tests.cause(target) if self.tests else "")
        return Unevaluated(target, f"{words} ({why})" if why else words)

    def _target(self, limit: Limit) -> Target:
        """What a test is for that evaluates a limit."""
        device = self.session.options.scoring_device
        if limit.kind == "memory":
            return Target("memory", limit.model, "cuda" if limit.metric == "gpu_bytes" else device)
        scenario = "Offline" if limit.metric == "images_per_second" else "SingleStream"
        return required.latency_target(limit.model, device, scenario)

    def _limits(self, *, selected: bool) -> list[Limit]:
        """Every limit that applies here: those of the selected models, or of the others."""
        return [limit for limit in self._configured_limits(selected=selected) if self._applies(limit)]

    def _applies(self, limit: Limit) -> bool:
        """A limit for a GPU applies where there is one that runs the model, and where one was requested."""
        from imgcls.models.runtimes import base as runtimes

        spec, requested = self.session.configured.models[limit.model], self.session.options.device
        runs_there = requested == "cuda" or (self._has_gpu and runtimes.runs_on(spec, "cuda"))
        return limit.metric != "gpu_bytes" or runs_there

    def _configured_limits(self, *, selected: bool) -> list[Limit]:
        settings = self.session.settings
        gates: list[tuple[Kind, str, LatencyGate | MemoryGate]] = [
            *(("latency", model, gate) for model, gate in settings.latency.items()),
            *(("memory", model, gate) for model, gate in settings.memory.items()),
        ]
        return [
            Limit(kind, model, field.name)
            for kind, model, gate in gates
            for field in fields(gate)
            if getattr(gate, field.name) is not None and (model in settings.models) is selected
        ]

    @property
    def _has_gpu(self) -> bool:
        from imgcls.system import machine

        measured = any(memory.conditions.device == "cuda" for memory in self.memories)
        return measured or "cuda" in machine.devices(self.session.options.device)

    def not_applicable(self) -> list[str]:
        """The limits for a GPU where there is none and none was requested, in words."""
        limits = [limit for limit in self._configured_limits(selected=True) if not self._applies(limit)]
        way = f"{self.session.options.prefix}device cuda requires it"
        return [f"{limit} (not measured on a GPU here; {way})" for limit in limits]

    @property
    def _not_selected(self) -> list[Unevaluated]:
        session, kinds = self.session, self.session.options.require_gates or ()
        if not session.options.is_pytest:
            return []
        pairs = [(Target("accuracy", *pair), " on ".join(pair)) for pair in session.settings.left_out]
        limits = [(self._target(limit), str(limit)) for limit in self._limits(selected=False)]
        gates = [(target, words) for target, words in pairs + limits if target.kind in kinds]
        return [Unevaluated(target, f"{words} (not selected)") for target, words in gates]

    def must_evaluate(self, missing: Unevaluated) -> bool:
        """Whether the run fails because no test evaluated this."""
        return bool(self.tests and self.tests.must_evaluate(missing.target, self.session.options.require_gates))

    def not_evaluated(self) -> Iterator[str]:
        """A line for everything that was not evaluated; what the run fails for is in its errors."""
        missing = (*self.unevaluated(), *self._unchecked_goldens())
        yield from (f"  not evaluated: {each.words}" for each in missing if not self.must_evaluate(each))
        yield from (f"  not applicable: {limit}" for limit in self.not_applicable())

    def required_errors(self) -> Iterator[str]:
        """What fails a run although no test failed for it: what was not evaluated and must be.

        Where options require gates, also one that does not hold in a test that is expected to fail.
        """
        gates, goldens = self._required_gates(), self._required_goldens()
        yield from (f"FAILED gate not evaluated: {gate.words}" for gate in gates)
        yield from (f"FAILED not compared: {golden.words}" for golden in goldens)
        requested = self.session.options.require_gates
        yield from (f"FAILED gate: {v.message}" for v in self.failed_verdicts() if self._kind(v) in (requested or ()))
        if requested is None and self.tests and (gates or goldens):
            rest = self.tests.kinds_without({missing.target.kind for missing in (*gates, *goldens)})
            option = f"{self.session.options.prefix}require-gates={','.join(rest) or 'none'}"
            yield f"  where this run is not to evaluate them: {option}"

    def _required_gates(self) -> list[Unevaluated]:
        return [gate for gate in self.unevaluated() if self.must_evaluate(gate)]

    def _required_goldens(self) -> list[Unevaluated]:
        return [golden for golden in self._unchecked_goldens() if self.must_evaluate(golden)]

    def missing(self) -> list[Unevaluated]:
        """What was not evaluated and fails the run; of a command that is every gate on scores."""
        return [*self._required_gates(), *self._required_goldens()] if self.tests else self._unevaluated_gates()

    def _kind(self, verdict: Verdict) -> Kind:
        if any(verdict is of_export for parity in self.parities for of_export in parity.verdicts):
            return "parity"
        if not any(verdict is of_limit for of_limit in self.limit_verdicts):
            return "accuracy"
        return "memory" if verdict.metric in OF_MEMORY else "latency"

    def failed_verdicts(self) -> list[Verdict]:
        """The verdicts of gates and limits that do not hold."""
        from imgcls.gates import accuracy

        verdicts = [*self.limit_verdicts, *(v for of_pair in self.verdicts.values() for v in of_pair)]
        verdicts += [verdict for parity in self.parities for verdict in parity.verdicts]
        return [verdict for verdict in verdicts if not accuracy.holds(verdict, self.session.options.inconclusive)]
