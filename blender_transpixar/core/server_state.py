"""How the server is: one condition, one sentence, and the one thing that helps."""

from dataclasses import dataclass, replace
from enum import Enum

from .errors import (
    InvalidAddressError,
    NotATransPixarServerError,
    OnlineAccessError,
    ServerNotRunningError,
    ServerNotStartedError,
    ServerVersionError,
    TransPixarError,
)
from .launcher import Phase
from .server_models import ServerModel
from .watching import Watching


class Condition(Enum):
    """What can be said of the server."""

    CHECKING = "checking"
    BAD_ADDRESS = "bad address"
    ONLINE_ACCESS_OFF = "online access off"
    NOT_CONFIGURED = "not configured"
    NOT_FOUND = "not found"
    STARTING = "starting"
    LOADING_MODEL = "loading model"
    READY = "ready"
    BUSY = "busy"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    CRASHED = "crashed"
    NO_ANSWER = "no answer"
    OTHER_PROGRAM = "other program"
    OTHER_VERSION = "other version"
    TOKEN_MISSING = "token missing"
    TOKEN_WRONG = "token wrong"


class Remedy(Enum):
    """What an artist can do about it."""

    NONE = "none"
    START = "start"
    RETRY = "retry"
    SHOW_LOG = "show log"
    PREFERENCES = "preferences"
    SYSTEM_PREFERENCES = "system preferences"


@dataclass(frozen=True, slots=True)
class ServerState:
    """The server at `url`. `models` stay empty until it has answered."""

    condition: Condition
    sentence: str
    remedy: Remedy = Remedy.NONE
    url: str = ""
    version: str = ""
    models: tuple[ServerModel, ...] = ()
    devices: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether a TransPixar server takes wishes there."""
        return self.condition in (Condition.READY, Condition.BUSY, Condition.LOADING_MODEL)

    def model(self, name: str) -> ServerModel | None:
        """The model of this name; of "", the server's default, its first one."""
        if not name:
            return self.models[0] if self.models else None
        return next((model for model in self.models if model.name == name), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the state is judged.

    `address_problem` is why there is no address, `start_problem` why no server can be started at it (None: one can),
    `may_choose_port` whether one that is started may take another port,
    `launcher_phase` and `launcher_error` tell of the server that this Blender has started, `watching` what was seen at
    the address.
    """

    url: str = ""
    address_problem: TransPixarError | None = None
    start_problem: TransPixarError | None = None
    may_choose_port: bool = False
    launcher_phase: Phase = Phase.ABSENT
    launcher_error: ServerNotStartedError | None = None
    watching: Watching | None = None


_START_BESIDE = "Another program has the server's usual port. Started from here, the server takes another one."


def judge(facts: Facts) -> ServerState:
    """The state for what is known."""
    if facts.address_problem is not None:
        return _without_address(facts.address_problem)
    return replace(_at_address(facts), url=facts.url)


def _without_address(problem: TransPixarError) -> ServerState:
    if isinstance(problem, OnlineAccessError):
        return ServerState(Condition.ONLINE_ACCESS_OFF, problem.message, Remedy.SYSTEM_PREFERENCES)
    assert isinstance(problem, InvalidAddressError)
    return ServerState(Condition.BAD_ADDRESS, problem.message, Remedy.PREFERENCES)


def _at_address(facts: Facts) -> ServerState:
    if facts.launcher_phase is Phase.STOPPING:
        return ServerState(Condition.STOPPING, "The server is stopping.")
    watching = facts.watching
    if watching is not None and watching.looked and watching.problem is None and watching.status is not None:
        return _answering(watching)
    if facts.launcher_phase is Phase.STARTING:
        return ServerState(Condition.STARTING, "The server is starting.", Remedy.SHOW_LOG)
    if facts.launcher_phase is Phase.ENDED and facts.launcher_error is not None and not _sees_another(watching):
        return _crashed(facts.launcher_error)
    if watching is None or not watching.looked or watching.problem is None:
        return ServerState(Condition.CHECKING, "Looking for the server.")
    if isinstance(watching.problem, NotATransPixarServerError) and facts.may_choose_port and not facts.start_problem:
        return ServerState(Condition.OTHER_PROGRAM, _START_BESIDE, Remedy.START)
    return _unanswering(watching.problem, facts.start_problem)


def _answering(watching: Watching) -> ServerState:
    """The state of a server whose status was read."""
    status = watching.status or {}
    workers = [worker for worker in status.get("workers") or () if isinstance(worker, dict)]
    condition, sentence, remedy = _condition(status.get("state"), status.get("reason"), workers)
    return ServerState(
        condition,
        sentence,
        remedy,
        version=str(status.get("version", "")),
        models=watching.models,
        devices=tuple(str(worker.get("device_name") or worker.get("device") or "") for worker in workers),
    )


def _condition(state: object, reason: object, workers: list[dict[str, object]]) -> tuple[Condition, str, Remedy]:
    if state == "stopping":
        return Condition.STOPPING, "The server is stopping.", Remedy.NONE
    if state != "ready":
        return Condition.DEGRADED, str(reason or "The server cannot make clips just now."), Remedy.SHOW_LOG
    if any(worker.get("state") in ("starting", "restarting") or _loads(worker) for worker in workers):
        return Condition.LOADING_MODEL, "The server is loading the model.", Remedy.NONE
    if any(worker.get("state") == "busy" for worker in workers):
        return Condition.BUSY, "The server is making a clip.", Remedy.NONE
    return Condition.READY, "The server is ready.", Remedy.NONE


def _loads(worker: dict[str, object]) -> bool:
    return worker.get("state") == "busy" and worker.get("loaded_model") is None


def _crashed(error: ServerNotStartedError) -> ServerState:
    configured_wrongly = error.code in ("server_missing", "bad_setting", "token_needed", "port_in_use", "cannot_listen")
    return ServerState(Condition.CRASHED, error.message, Remedy.PREFERENCES if configured_wrongly else Remedy.SHOW_LOG)


def _sees_another(watching: Watching | None) -> bool:
    """Whether something else than silence is where the server was to be."""
    if watching is None or watching.problem is None:
        return False
    return not isinstance(watching.problem, ServerNotRunningError)


def _unanswering(problem: TransPixarError, start_problem: TransPixarError | None) -> ServerState:
    """The state where no usable answer came."""
    if isinstance(problem, NotATransPixarServerError):
        return ServerState(Condition.OTHER_PROGRAM, problem.message, Remedy.PREFERENCES)
    if isinstance(problem, ServerVersionError):
        return ServerState(Condition.OTHER_VERSION, problem.message, Remedy.PREFERENCES)
    if problem.code == "token_missing":
        sentence = "The server wants its token. Enter it in the add-on's preferences."
        return ServerState(Condition.TOKEN_MISSING, sentence, Remedy.PREFERENCES)
    if problem.code == "token_wrong":
        sentence = "The token is not the server's. Enter the right one in the add-on's preferences."
        return ServerState(Condition.TOKEN_WRONG, sentence, Remedy.PREFERENCES)
    if problem.code == ServerNotRunningError.code:
        return _silent(problem, start_problem)
    return ServerState(Condition.NO_ANSWER, problem.message, Remedy.RETRY)


def _silent(problem: TransPixarError, start_problem: TransPixarError | None) -> ServerState:
    if start_problem is None:
        return ServerState(Condition.NOT_FOUND, "The TransPixar server is not running.", Remedy.START)
    condition = Condition.NOT_FOUND if start_problem.code == "server_elsewhere" else Condition.NOT_CONFIGURED
    return ServerState(condition, start_problem.message, Remedy.PREFERENCES)
