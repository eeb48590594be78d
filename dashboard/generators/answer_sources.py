"""Which models can answer without being named in params.yaml, and the one that was chosen on the page."""

import asyncio
import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dashboard.generators.generator import GenerationFault, Source, StyleParams, guarded
from dashboard.generators.local_model import LocalModel, LocalStyle
from dashboard.generators.model_fetch import ModelFetch
from dashboard.generators.openai_server import OpenAIServer, OpenAIStyle, listed_models
from dashboard.generators.small_model import small_source, warm
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.models.model_files import check_folder, read_config, stored_folder
from pipelines.models.packaged_models import SMOLLM2

REMEMBERED = ".generator.json"
"""In the folder of the judges: the source that was chosen, for the next start."""
TRIAL_SECONDS = 60.0
"""So long a model that is tried may take to its first word."""
_log = logging.getLogger(__name__)


class AnswerSources:
    """What all people of a process can be answered by. Its methods read files: call them from a thread.

    Parameters
    ----------
    models_dir : Path
        The folder that `python -m pipelines.models fetch` fills.
    remembered : Path
        File with the choice.

    Attributes
    ----------
    fetch : ModelFetch
        Gets the small model.
    current : Source or None
        Answers typed questions in place of what is recorded: the one chosen, else the small model where it is.
    """

    def __init__(self, models_dir: Path, remembered: Path) -> None:
        self.models_dir, self._file = models_dir, remembered
        self.fetch = ModelFetch(SMOLLM2, models_dir, self.load)
        self.current: Source | None = None

    def load(self) -> None:
        """Take the source that was chosen last, or the small model; the small one is loaded."""
        self.current = self._remembered() or small_source(self.models_dir)
        if self.current is not None and self.current.name == SMOLLM2.name:
            warm(str(stored_folder(self.models_dir, SMOLLM2.name)))

    def on_disk(self) -> list[Source]:
        """Return the models of this disk: the small one, and folders that hold a causal language model."""
        small = small_source(self.models_dir)
        folders = sorted(self.models_dir.glob("[!.]*/")) if self.models_dir.is_dir() else []
        own = [folder for folder in folders if folder.name != SMOLLM2.name and _writes(folder)]
        return ([] if small is None else [small]) + [folder_source(folder) for folder in own]

    def remember(self, source: Source) -> None:
        """Use a source from now on, also after the next start; a `UserError` where that cannot be written."""
        self.current = source
        write_json(self._file, {"name": source.name, **source.record})

    def _remembered(self) -> Source | None:
        try:
            kept: Any = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["name"] == SMOLLM2.name:
                return small_source(self.models_dir)
            if "base_url" in kept:
                return server_source(kept["base_url"], kept["model"])
            folder = Path(kept["folder"])
            return folder_source(folder) if _writes(folder) else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, ValidationError):
            _log.warning("%s cannot be read; choose a model on the page again", self._file)
            return None


def folder_source(folder: Path) -> Source:
    """Return a model folder as a source."""
    return Source(f"folder {folder}", folder.name, partial(_local, folder=str(folder)), {"folder": str(folder)})


def server_source(base_url: str, model: str) -> Source:
    """Return a model of a server that speaks OpenAI's protocol; a `ValidationError` where the address is none."""
    record = {"base_url": base_url, "model": model}
    OpenAIStyle.model_validate({"name": "trial", "generator": OpenAIServer.kind, **record})
    return Source(
        f"{base_url} {model}", f"{model} · {base_url}", partial(_served, base_url=base_url, model=model), record
    )


async def server_sources(base_url: str) -> list[Source]:
    """Return the models of a server; none where it does not answer or speaks another protocol.

    Raises
    ------
    ValidationError
        When `base_url` is no address of a server.
    """
    base_url = server_source(base_url.strip(), "any").record["base_url"].rstrip("/")
    return [server_source(base_url, name) for name in await listed_models(base_url)]


async def tried(source: Source, style: StyleParams) -> None:
    """Have a source begin an answer; a `GenerationFault` where no word comes."""
    from dashboard.generators import generator_for

    short = source.styled(style).model_copy(update={"max_tokens": 16, "stall_seconds": TRIAL_SECONDS})
    pieces = guarded(generator_for(short, "a").stream("Say hello.", short), short)
    try:
        await anext(aiter(pieces))
    except GenerationFault as fault:
        if not fault.usable:
            raise
    except StopAsyncIteration:
        raise GenerationFault("empty") from None
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


async def found_on(sources: AnswerSources, servers: Sequence[Source] = ()) -> list[Source]:
    """Return all sources that are there now, without repeating one."""
    every = [*await asyncio.to_thread(sources.on_disk), *servers]
    if sources.current is not None:
        every.append(sources.current)
    return list({each.name: each for each in every}.values())


def _writes(folder: Path) -> bool:
    """Tell whether a folder holds a causal language model, by its configuration and the headers of its weights."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    try:
        check_folder(folder)
        made = read_config(folder).get("architectures") or []
    except UserError:
        return False
    return bool({*made} & {*_flat(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())}) and "BertLMHeadModel" not in made


def _flat(names: Any) -> list[str]:
    return [name for each in names for name in ([each] if isinstance(each, str) else each)]


def _local(style: StyleParams, folder: str) -> StyleParams:
    changed = {"generator": LocalModel.kind, "model": folder, "base_url": "", "api_key_env": ""}
    return LocalStyle.model_validate(style.model_dump() | changed)


def _served(style: StyleParams, base_url: str, model: str) -> StyleParams:
    changed = {"generator": OpenAIServer.kind, "base_url": base_url, "model": model, "api_key_env": ""}
    return OpenAIStyle.model_validate(style.model_dump() | changed)
