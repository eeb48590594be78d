"""The application: each address, what it takes, and what it says of a request that it cannot answer."""

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError, shown
from pipelines.terminal.unseen_signs import one_line
from stacker.judge.answer_ranking import every_pair
from stacker.judge.verdict_control import NO_SUCH_VERDICT, Control
from stacker.serve.api_page import api_page
from stacker.serve.judge_process import EXPLAIN, RANK, ServedJudge
from stacker.serve.judging_queue import JudgeGoneError, JudgingQueue, TooManyWaitingError
from stacker.serve.request_bounds import Limits, RequestBounds
from stacker.serve.request_models import (
    Answers,
    AskedBattle,
    Battle,
    Battles,
    ExplanationGiven,
    Health,
    RankingGiven,
    Refused,
    VerdictGiven,
    VerdictsGiven,
)
from stacker.serve.verdict_memory import VerdictMemory

BODY_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refused, "description": "The body is no JSON that can be read."},
    413: {"model": Refused, "description": "A text, the battles or the body are more than this server takes."},
    422: {"model": Refused, "description": "A field is missing, not known or of another kind, or cannot be judged."},
    429: {"model": Refused, "description": "Too much waits already; ask again after Retry-After seconds."},
}
UNKNOWN_TOKEN = {401: {"model": Refused, "description": "The token is missing or another one."}}
_SHOWN = 200


class JsonResponse(JSONResponse):
    """JSON in ASCII, so that a lone surrogate of a text can be sent; NaN is a fault of the program."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the body."""
        return json.dumps(content, allow_nan=False).encode("ascii")


class TooMuchError(Exception):
    """A request holds more than the server takes; the text is the sentence."""


def web_app(queue: JudgingQueue, judge: ServedJudge, limits: Limits, token: str | None = None) -> RequestBounds:
    """Return the ASGI application.

    Parameters
    ----------
    queue : JudgingQueue
        Opened.
    judge : ServedJudge
        What it has opened.
    limits : Limits
        What a request may hold.
    token : str or None
        What a client must send; None asks for nothing.
    """
    app = FastAPI(
        title=f"Preference judge: {one_line(judge.name, 80)}",
        version=software_version(),
        summary="Which of two answers would a person prefer?",
        description=_described(judge, limits),
        docs_url=None,
        redoc_url=None,
        default_response_class=JsonResponse,
        responses=UNKNOWN_TOKEN if token else {},  # type: ignore[arg-type]
    )
    _add_errors(app)
    _add_judging(app, queue, judge, limits)

    @app.get("/health", summary="Is it there, and which judge is it?", response_model=Health)
    async def health() -> Response:
        return JsonResponse(
            {
                "status": "ok",
                "judge": shown(judge.name),
                "sha256": judge.sha256,
                "trained_on": judge.trained_on,
                "version": app.version,
                "waiting": queue.waiting,
            }
        )

    page = api_page(app.openapi())

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})

    return RequestBounds(app, limits, token)


def _add_judging(app: FastAPI, queue: JudgingQueue, judge: ServedJudge, limits: Limits) -> None:
    memory = VerdictMemory(queue.compare)

    def verdicts(found: Floats, control: Control) -> list[dict[str, Any]]:
        decided = None if control is not None else judge.decided(found)
        made = (VerdictGiven.of(each, None if decided is None else decided[at]) for at, each in enumerate(found))
        return [each.model_dump(exclude_none=True) for each in made]

    @app.post("/compare", summary="The verdict on one battle", response_model=VerdictGiven, responses=BODY_ERRORS)
    async def compare(battle: Annotated[AskedBattle, Body()]) -> Response:
        _check([battle], limits)
        _check_control(battle.control, judge)
        return JsonResponse(verdicts(await memory.compare([(*battle.texts, battle.control)]), battle.control)[0])

    @app.post("/compare_many", summary="Verdicts on many", response_model=VerdictsGiven, responses=BODY_ERRORS)
    async def compare_many(battles: Annotated[Battles, Body()]) -> Response:
        _check_count(len(battles.battles), "battles", limits)
        _check(battles.battles, limits)
        _check_control(battles.control, judge)
        found = await memory.compare([(*battle.texts, battles.control) for battle in battles.battles])
        return JsonResponse({"verdicts": verdicts(found, battles.control)})

    @app.post("/rank", summary="Answers in order, best first", response_model=RankingGiven, responses=BODY_ERRORS)
    async def rank(asked: Annotated[Answers, Body()]) -> Response:
        names, answers = asked.answers
        count = len(answers)
        _check_count(count * (count - 1) // 2, f"pairs of {count} answers", limits)
        _check_text(asked.prompt, "prompt", limits)
        for place, answer in enumerate(answers):
            _check_text(answer, f"answers, place {place}", limits)
        _check_control(asked.control, judge)
        first, second = (places.tolist() for places in every_pair(count))
        pairs = [(asked.prompt, answers[a], answers[b], asked.control) for a, b in zip(first, second, strict=True)]
        found = (await memory.compare(pairs)).tolist()
        how = {"count": count, "names": names, "votes": asked.votes, "level": asked.level, "control": asked.control}
        return JsonResponse({"ranking": await queue.value({"ask": RANK, "probabilities": found, **how})})

    @app.post("/explain", summary="Why it says so", response_model=ExplanationGiven, responses=BODY_ERRORS)
    async def explain(battle: Annotated[AskedBattle, Body()]) -> Response:
        _check([battle], limits)
        _check_control(battle.control, judge)
        if not judge.explains and battle.control is None:
            raise UserError("the judge: holds no baseline to explain from; make it again by stacker.run.")
        return JsonResponse(await queue.value({"ask": EXPLAIN, "battle": (*battle.texts, battle.control)}))


def _check_control(control: Control, judge: ServedJudge) -> None:
    """Refuse a verdict that the judge does not have, before it is asked with others' battles."""
    if control is not None and not judge.even_style:
        raise UserError(NO_SUCH_VERDICT)


def _check(battles: Sequence[Battle], limits: Limits) -> None:
    for number, battle in enumerate(battles):
        where = f"battles, place {number}, " if len(battles) > 1 else ""
        for name, turns in zip(("prompt", "response_a", "response_b"), battle.texts, strict=True):
            _check_text(turns, where + name, limits)


def _check_text(turns: Sequence[str], where: str, limits: Limits) -> None:
    characters = sum(map(len, turns))
    if characters > limits.characters:
        raise TooMuchError(
            f"{where}: has {characters:,} characters, and {limits.characters:,} are the most; shorten it."
        )


def _check_count(count: int, what: str, limits: Limits) -> None:
    if count > limits.battles:
        raise TooMuchError(
            f"the request: has {count:,} {what}, and {limits.battles:,} are the most; send several requests."
        )


def _add_errors(app: FastAPI) -> None:
    def says(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
        return JsonResponse({"error": sentence}, status, headers)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_: Request, fault: RequestValidationError) -> Response:
        first = fault.errors()[0]
        return says(400 if first["type"] == "json_invalid" else 422, _sentence(first))

    @app.exception_handler(HTTPException)
    async def not_answered(request: Request, fault: HTTPException) -> Response:
        told = {
            400: "the body: is no JSON that can be read; nest it less deeply, and write no endless numbers.",
            404: f"{shown(request.url.path)}: is no address of this server; its addresses are told at /docs.",
            405: f"{shown(request.url.path)}: takes no {shown(request.method)}; /docs tells what it takes.",
        }
        sentence = told.get(fault.status_code, f"the request: {shown(str(fault.detail))}.")
        return says(fault.status_code, sentence, dict(fault.headers or {}))

    @app.exception_handler(TooMuchError)
    async def too_much(_: Request, fault: TooMuchError) -> Response:
        return says(413, str(fault))

    @app.exception_handler(UserError)
    async def cannot_judge(_: Request, fault: UserError) -> Response:
        return says(422, str(fault))

    @app.exception_handler(TooManyWaitingError)
    async def too_many(_: Request, fault: TooManyWaitingError) -> Response:
        return says(429, "the server: has too many battles waiting; ask again in a second.", {"Retry-After": "1"})

    @app.exception_handler(Exception)
    async def fault_of_the_program(_: Request, fault: Exception) -> Response:
        return says(500, "the server: has a fault, which its log tells; ask its keeper.")

    @app.exception_handler(JudgeGoneError)
    async def gone(_: Request, fault: JudgeGoneError) -> Response:
        return says(503, "the server: cannot start its judge again; ask again later.", {"Retry-After": "10"})


def _sentence(error: dict[str, Any]) -> str:
    """Return one sentence for the first thing that pydantic or the JSON parser found wrong."""
    kind, where = error["type"], [part for part in error["loc"] if part != "body"]
    if kind == "json_invalid":
        place = f" at character {where[0]}" if where else ""
        return f"the body: is no JSON ({shown(str(error.get('ctx', {}).get('error', '')))}{place}); send JSON."
    named = shown(", ".join(f"place {part}" if isinstance(part, int) else str(part) for part in where), _SHOWN)
    named = named or "the body"
    if kind == "missing":
        return f"{named}: is missing; /docs tells the fields."
    if kind == "extra_forbidden":
        return f"{named}: is no field that is known; leave it out, /docs tells the fields."
    if kind in ("model_attributes_type", "model_type", "dict_type"):
        return f"{named}: is no JSON object; send one, with Content-Type application/json."
    told = shown(str(error["msg"]).removeprefix("Value error, ").removesuffix("."), _SHOWN)
    return f"{named}: {told[:1].lower()}{told[1:]}."


def _described(judge: ServedJudge, limits: Limits) -> str:
    abstains, sure = judge.abstention, ""
    if abstains is not None:
        sure = (
            f" It abstains where it is not sure enough: on at least {abstains.agreement:g} of the battles that it "
            f"decides (`decided`), people vote as it says, with a confidence of {abstains.level:g}."
        )
    return (
        f"The judge is {judge.trained_on}.{sure} A text is one string, or a list of strings: the turns of a "
        f"conversation. It has at most {limits.characters:,} characters, a request {limits.battles:,} battles and "
        f"{limits.body:,} bytes. Battles of different clients are judged together, and one that is asked again is "
        f"remembered, which changes no number: every verdict is bitwise the one that the same judge gives in Python."
    )


def software_version() -> str:
    """Return the version of this package, "unknown" where it is not installed."""
    try:
        return version("preference-stacker")
    except PackageNotFoundError:
        return "unknown"
