"""The settings of simulated Engines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """Settings of a simulated Engine; times in seconds."""

    instance: str = "default"
    data_root: str = "/srv/gitops-orch"
    deadline_s: float = 30.0
    latency_s: float = 0.0  # of every request
    slow_s: float = 20.0  # the extra duration of a request with the fault SLOW
    late_s: float = 60.0  # the delay after which a request with the fault LATE is executed, without an answer
    blocking_events: bool = False  # True: `events` waits for more events; False: it ends when there are none
