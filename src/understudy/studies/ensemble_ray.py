"""Runs on the machines of a Ray cluster, which see the same folders under the same names.

A worker of Ray executes the words of a command and hands back its exit code, as `ensemble_processes` does here. Ctrl-C
reaches it by a file: Ray has signals of its own for its workers, and they would not let a run save.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from understudy.core.errors import ConfigError, ResourceError, reason_of

from .ensemble_processes import Task, launch, threads_environment

_POLL_S = 0.5
# a cluster that was asked to stop gets so long until it is left alone
_PATIENCE_S = 60.0


class OnRay:
    """Processes on a cluster.

    address        of the cluster as `ray.init` takes it; "local" starts one on this machine, which ends with us
    threads        CPUs that Ray reserves for each process
    gpu            reserve one GPU for each, where the cluster has any
    stop_request   the file whose presence tells workers to stop
    """

    def __init__(self, address: str, *, threads: int, gpu: bool, stop_request: Path) -> None:
        self._ray = _ray()
        self._stop_request = stop_request
        stop_request.unlink(missing_ok=True)
        self._refs: dict[int, Any] = {}
        self._logs: dict[int, Path] = {}
        self._threads = threads
        try:
            # a cluster that we start ourselves needs no web page
            page = {"include_dashboard": False} if address == "local" else {}
            self._ray.init(address=address, log_to_driver=False, **page)
        except Exception as error:  # Ray has no class of its own for "there is no cluster"
            raise ConfigError(
                f"the Ray cluster did not answer: {reason_of(error)}", where=f"--ray={address}", hint="see `ray status`"
            ) from error
        most = max((node["Resources"].get("CPU", 0) for node in self._ray.nodes() if node["Alive"]), default=0)
        if threads > most:
            self._ray.shutdown()
            raise ConfigError(
                f"a run is to have {threads} threads, and no machine of the cluster has more than {most:.0f} CPUs",
                where="--threads",
                hint="ask for fewer; they would wait for ever",
            )
        gpus = 1 if gpu and self._ray.cluster_resources().get("GPU", 0) >= 1 else 0
        self._train = self._ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(execute)

    def start(self, task: Task) -> None:
        self._logs[task.seed] = task.log
        words = [str(word) for word in task.words]
        self._refs[task.seed] = self._train.remote(
            words, str(task.log.absolute()), str(Path.cwd()), self._threads, str(self._stop_request)
        )

    def ended(self) -> dict[int, int]:
        if not self._refs:
            return {}
        seed_of = {ref: seed for seed, ref in self._refs.items()}
        done, _ = self._ray.wait(list(seed_of), num_returns=len(seed_of), timeout=0)
        codes = {seed_of[ref]: self._code(ref, seed_of[ref]) for ref in done}
        for seed in codes:
            del self._refs[seed]
        return codes

    def _code(self, ref: Any, seed: int) -> int:
        try:
            return int(self._ray.get(ref))
        except self._ray.exceptions.RayError as error:
            # where other failures are told: in the seed's log
            with self._logs[seed].open("a") as log:
                log.write(f"error: the worker of Ray was lost: {reason_of(error)}\n")
            return ResourceError.exit_code

    def ask_to_stop(self) -> None:
        self._stop_request.touch()

    def close(self) -> None:
        if self._refs:
            self.ask_to_stop()
            self._ray.wait(list(self._refs.values()), num_returns=len(self._refs), timeout=_PATIENCE_S)
        self._stop_request.unlink(missing_ok=True)
        self._ray.shutdown()


def execute(words: list[str], log: str, cwd: str, threads: int, stop_request: str) -> int:
    """On a worker of Ray: run a command to its end; its exit code.

    Ray has set CUDA_VISIBLE_DEVICES to the GPU that it reserved.
    """
    process = launch(words, Path(log), os.environ | threads_environment(threads), cwd)
    asked = False
    while (code := process.poll()) is None:
        if not asked and Path(stop_request).exists():
            process.send_signal(signal.SIGINT)
            asked = True
        time.sleep(_POLL_S)
    return code


def _ray() -> Any:
    # statistics of use are sent to the makers of Ray unless this says no
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "`--ray` needs the package ray, which is not installed",
            hint="pip install 'understudy[ray]', or leave out --ray",
        ) from error
    return ray
